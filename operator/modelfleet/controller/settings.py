"""What the process is told from outside, read once."""

import socket
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FilePath, ValidationError

from modelfleet.controller.cluster.election import Timing

PREFIX = "MODELFLEET_"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
DNS_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$"


class SettingsError(ValueError):
    """At least one setting is not what it must be; the message has a line for each."""


def _split(value: Any) -> Any:
    """Return the parts of a list that is written with commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


class Settings(BaseModel):
    """
    Settings of `modelfleet run`; each is an environment variable too, as `MODELFLEET_` and its name in capitals.

    A field's description completes the sentence "it must be …".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: Annotated[str, Field(pattern=DNS_LABEL, description="the namespace that the operator runs in")] = (
        "modelfleet-system"
    )
    pod_name: Annotated[str, Field(pattern=DNS_SUBDOMAIN, description="the name of the operator's pod")] = Field(
        default_factory=lambda: socket.gethostname().lower()
    )
    http_port: Annotated[int, Field(ge=0, le=65535, description="a port from 0 (any free one) to 65535")] = 8080
    fullname: Annotated[
        str, Field(pattern=DNS_LABEL, description="the name that the names of the release's objects begin with")
    ] = "modelfleet"
    xds_port: Annotated[int, Field(ge=0, le=65535, description="a port from 0 (any free one) to 65535")] = 18000
    activator_port: Annotated[int, Field(ge=0, le=65535, description="a port from 0 (any free one) to 65535")] = 8090
    peers_port: Annotated[int, Field(ge=0, le=65535, description="a port from 0 (any free one) to 65535")] = 8091
    mint_certificates: Annotated[bool, Field(description="true or false")] = True
    watch_namespaces: Annotated[
        tuple[Annotated[str, Field(pattern=DNS_LABEL)], ...],
        BeforeValidator(_split),
        Field(description="names of namespaces with commas between; none means all namespaces"),
    ] = ()
    workers: Annotated[int, Field(ge=1, le=256, description="an integer from 1 to 256")] = 16
    resync_seconds: Annotated[float, Field(ge=10, le=86400, description="a number of seconds from 10 to 86400")] = 600
    lease_name: Annotated[str, Field(pattern=DNS_SUBDOMAIN, description="the name of a Lease")] = "modelfleet"
    lease_duration_seconds: Annotated[
        float, Field(ge=2, le=600, description="a number of seconds from 2 to 600, longer than the renew deadline")
    ] = 15
    lease_renew_deadline_seconds: Annotated[
        float, Field(gt=0, description="a number of seconds, shorter than the duration and longer than the retry time")
    ] = 10
    lease_retry_seconds: Annotated[
        float, Field(gt=0, description="a number of seconds, shorter than the renew deadline")
    ] = 2
    log_level: Annotated[
        str,
        BeforeValidator(_upper),
        Field(pattern=f"^({'|'.join(LOG_LEVELS)})$", description=f"one of {', '.join(LOG_LEVELS)}"),
    ] = "INFO"
    read_only: Annotated[bool, Field(description="true or false")] = False
    platform_file: Annotated[FilePath | None, Field(description="the path of a file that exists")] = None
    kubeconfig: Annotated[FilePath | None, Field(description="the path of a file that exists")] = None

    @classmethod
    def read(cls, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None) -> "Settings":
        """
        Return the settings of *environment*, where a flag that is not None wins; empty variables are absent.

        Raises `SettingsError` with one line per setting that is wrong, naming its variable or flag.
        """
        variables = {name: environment.get(variable(name)) for name in cls.model_fields}
        given: dict[str, Any] = {name: value for name, value in variables.items() if value}
        chosen = {name: value for name, value in (flags or {}).items() if value is not None}
        names = {name: variable(name) for name in given} | {name: flag(name) for name in chosen}
        try:
            settings = cls(**given | chosen)
        except ValidationError as error:
            raise SettingsError(_explain(error, names=names)) from error
        settings.lease_timing()
        return settings

    def lease_timing(self) -> Timing:
        """Return the times of the election, or raise `SettingsError` when they contradict each other."""
        times = (self.lease_duration_seconds, self.lease_renew_deadline_seconds, self.lease_retry_seconds)
        try:
            return Timing(duration=times[0], renew_deadline=times[1], retry=times[2])
        except ValueError as error:
            named = ("lease_duration_seconds", "lease_renew_deadline_seconds", "lease_retry_seconds")
            raise SettingsError(f"{', '.join(f'`{variable(name)}`' for name in named)}: {error}") from error


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def flag(name: str) -> str:
    """Return the command-line flag of a setting."""
    return "--" + name.replace("_", "-")


def _explain(error: ValidationError, *, names: Mapping[str, str]) -> str:
    """Return one line per wrong setting."""
    wrong: dict[str, Any] = {}
    for problem in error.errors():
        wrong.setdefault(str(problem["loc"][0]), problem["input"])
    return "\n".join(_line(name, value, said_as=names.get(name, name)) for name, value in wrong.items())


def _line(name: str, value: Any, *, said_as: str) -> str:
    field = Settings.model_fields.get(name)
    must = f"must be {field.description}" if field else "is not a setting"
    return f'`{said_as}` {must}, got "{value}"'
