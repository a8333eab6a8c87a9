"""How a launch that fails ends: what vLLM prints, process by process, and exit code 1."""

from collections.abc import Iterable

from e2e.engine import log

FAILED = 1
_CLIENT_FRAMES = (
    ("vllm/entrypoints/cli/main.py", "main", "args.dispatch_function(args)"),
    ("vllm/entrypoints/cli/serve.py", "cmd", "uvloop.run(run_server(args))"),
    ("uvloop/__init__.py", "run", "return __asyncio.run("),
    ("asyncio/runners.py", "run", "return runner.run(main)"),
    ("asyncio/runners.py", "run", "return self._loop.run_until_complete(task)"),
    ("uvloop/__init__.py", "wrapper", "return await main"),
    (
        "vllm/entrypoints/openai/api_server.py",
        "run_server",
        "await run_server_worker(listen_address, sock, args, **kw)",
    ),
    ("vllm/entrypoints/openai/api_server.py", "run_server_worker", "async with build_async_engine_client("),
    ("contextlib.py", "__aenter__", "return await anext(self.gen)"),
    (
        "vllm/entrypoints/openai/api_server.py",
        "build_async_engine_client",
        "async with build_async_engine_client_from_",
    ),
    ("contextlib.py", "__aenter__", "return await anext(self.gen)"),
)
_ENGINE_FRAMES = (
    (
        "vllm/entrypoints/openai/api_server.py",
        "build_async_engine_client_from_engine_args",
        "async_llm = AsyncLLM.from_",
    ),
    ("vllm/v1/engine/async_llm.py", "from_vllm_config", "return cls("),
    ("vllm/v1/engine/async_llm.py", "__init__", "self.engine_core = EngineCoreClient.make_async_mp_client("),
    ("vllm/v1/engine/core_client.py", "make_async_mp_client", "return AsyncMPClient(*client_args)"),
    ("vllm/v1/engine/core_client.py", "__init__", "super().__init__("),
    (
        "vllm/v1/engine/core_client.py",
        "__init__",
        "with launch_core_engines(vllm_config, executor_class, log_stats) as",
    ),
    ("contextlib.py", "__exit__", "next(self.gen)"),
    ("vllm/v1/engine/utils.py", "launch_core_engines", "wait_for_engine_startup("),
    ("vllm/v1/engine/utils.py", "wait_for_engine_startup", 'raise RuntimeError("Engine core initialization failed. "'),
)
_CORE_FRAMES = (
    ("vllm/v1/engine/core.py", "run_engine_core", "engine_core = EngineCoreProc(*args, **kwargs)"),
    ("vllm/v1/engine/core.py", "__init__", "super().__init__("),
    ("vllm/v1/engine/core.py", "__init__", "self.model_executor = executor_class(vllm_config)"),
)


class LaunchError(Exception):
    """
    A launch that vLLM would give up.

    *error* is the last line of the traceback, with its type. *validates* names the configuration class when the error
    comes out of its validation. *in_engine* says that the engine's process dies first and the server's follows.
    """

    def __init__(self, error: str, *, validates: str | None = None, in_engine: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.validates = validates
        self.in_engine = in_engine


def report(failure: LaunchError) -> None:
    """
    Print *failure* as vLLM does.

    A cause inside the engine's process is followed by some forty lines of the server's own traceback, so that the last
    line of the log says nothing about it: what reads the log has to look further up.
    """
    if failure.in_engine:
        _report_engine(failure.error)
    elif failure.validates:
        log.raw([*_traceback(_CLIENT_FRAMES), *_validation(failure)])
    else:
        log.raw([*_traceback(_CLIENT_FRAMES), *failure.error.splitlines()])


def _report_engine(error: str) -> None:
    log.line("EngineCore failed to start.", process=log.ENGINE_CORE, level="ERROR", source="core.py:1165")
    for text in (*_traceback(_CORE_FRAMES), error):
        log.line(text, process=log.ENGINE_CORE, level="ERROR", source="core.py:1165")
    log.raw(["Process EngineCore:", *_traceback(_CORE_FRAMES), error], process=log.ENGINE_CORE)
    log.raw(
        [
            *_traceback((*_CLIENT_FRAMES, *_ENGINE_FRAMES)),
            "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
        ]
    )


def _validation(failure: LaunchError) -> list[str]:
    return [
        f"pydantic_core._pydantic_core.ValidationError: 1 validation error for {failure.validates}",
        f"  Value error, {failure.error} [type=value_error, input_value=ArgsKwargs((), {{…}}), input_type=ArgsKwargs]",
        "    For further information visit https://errors.pydantic.dev/2.12/v/value_error",
    ]


def _traceback(frames: Iterable[tuple[str, str, str]]) -> list[str]:
    lines = ["Traceback (most recent call last):"]
    for number, (file, function, code) in enumerate(frames):
        path = f"/usr/local/lib/python3.12/dist-packages/{file}"
        lines += [f'  File "{path}", line {101 + 37 * number}, in {function}', f"    {code}"]
    return lines
