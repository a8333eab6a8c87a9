"""End-to-end equipment and tests: a real cluster, a stand-in engine, one test file per user story."""
