"""From a command line to an engine that is ready, or to the end that vLLM would come to."""
