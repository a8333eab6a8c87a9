"""What keeps the operator from starting is said in a line."""

from pathlib import Path

import pytest

from modelfleet.api.catalogue import load_catalogue
from modelfleet.api.platform import Platform
from modelfleet.controller.run import Operator
from modelfleet.controller.settings import Settings, SettingsError


async def test_without_a_cluster_there_is_nothing_to_run(tmp_path: Path) -> None:
    empty = tmp_path / "kubeconfig"
    empty.write_text("apiVersion: v1\nkind: Config\n")
    operator = Operator(Settings(kubeconfig=empty), Platform(), load_catalogue())

    with pytest.raises(SettingsError, match="no API server to connect to"):
        await operator.run()
