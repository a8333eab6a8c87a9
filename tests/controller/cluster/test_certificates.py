"""When which certificate is issued, and how the leader keeps the Secrets."""

import base64
import datetime as dt
from collections.abc import AsyncIterator, Callable

import pytest
from tests.controller.fake_api import FakeApi

from modelfleet.controller.cluster import pki
from modelfleet.controller.cluster.certificates import (
    LEAVES,
    OVERLAP,
    CertificateKeeper,
    Holder,
    SecretNames,
    read_tls_secret,
    wanted,
)
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.errors import Conflict
from modelfleet.controller.cluster.pki import AUTHORITY_LIFE, LEAF_LIFE, Pair, TlsSecret
from modelfleet.controller.cluster.resources import SECRETS, Json

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
NAMES = SecretNames(authority="gw-ca", operator="gw-operator-tls", gateway="gw-gateway-tls")
Secrets = dict[Holder, TlsSecret]


def pair(secret: TlsSecret) -> Pair:
    found = pki.read_pair(secret)
    assert found is not None
    return found


def changed(before: Secrets, after: Secrets) -> set[Holder]:
    """Return whose certificate is another one."""
    return {holder for holder in Holder if before[holder].certificate != after[holder].certificate}


def chains(secrets: Secrets) -> bool:
    """Return whether every leaf is signed by an authority that each of the three Secrets trusts."""
    return all(
        any(pki.is_signed_by(pair(secrets[leaf]).certificate, each) for each in pki.read_authorities(other.authorities))
        for leaf in LEAVES
        for other in secrets.values()
    )


def test_a_fresh_installation_gets_everything_at_once() -> None:
    made = wanted({}, now=START)

    assert chains(made)
    assert {holder: pki.dns_names(pair(made[holder]).certificate) for holder in LEAVES} == {
        Holder.OPERATOR: {"modelfleet-operator"},
        Holder.GATEWAY: {"modelfleet-gateway"},
    }
    assert len(pki.read_authorities(made[Holder.GATEWAY].authorities)) == 1


@pytest.mark.parametrize("later", [dt.timedelta(0), DAY, 59 * DAY], ids=["at once", "a day", "59 days"])
def test_what_is_still_good_stays_byte_for_byte(later: dt.timedelta) -> None:
    made = wanted({}, now=START)

    assert wanted(made, now=START + later) == made


@pytest.mark.parametrize(
    ("later", "renewed"),
    [
        pytest.param(60 * DAY - dt.timedelta(minutes=6), set(), id="a third and a minute is left"),
        pytest.param(60 * DAY, set(LEAVES), id="less than a third is left"),
        pytest.param(100 * DAY, set(LEAVES), id="expired"),
        pytest.param(AUTHORITY_LIFE, set(Holder), id="the authority too"),
    ],
)
def test_leaves_are_renewed_when_a_third_is_left(later: dt.timedelta, renewed: set[Holder]) -> None:
    made = wanted({}, now=START)
    after = wanted(made, now=START + later)

    assert changed(made, after) == renewed
    assert chains(after)


def empty(secrets: Secrets) -> Secrets:
    return secrets | {Holder.GATEWAY: TlsSecret(b"", b"", b"")}


def garbled(secrets: Secrets) -> Secrets:
    return secrets | {
        Holder.GATEWAY: TlsSecret(b"-----BEGIN CERTIFICATE-----\n", b"?", secrets[Holder.GATEWAY].authorities)
    }


def swapped(secrets: Secrets) -> Secrets:
    return secrets | {Holder.GATEWAY: secrets[Holder.OPERATOR]}


def other_key(secrets: Secrets) -> Secrets:
    mine = secrets[Holder.GATEWAY]
    return secrets | {Holder.GATEWAY: TlsSecret(mine.certificate, secrets[Holder.OPERATOR].key, mine.authorities)}


@pytest.mark.parametrize("broken", [empty, garbled, swapped, other_key])
def test_a_broken_leaf_is_replaced_and_no_other(broken: Callable[[Secrets], Secrets]) -> None:
    made = wanted({}, now=START)
    after = wanted(broken(made), now=START)

    assert changed(made, after) == {Holder.GATEWAY}
    assert chains(after)


def test_a_new_authority_is_trusted_before_it_signs_and_the_old_one_until_its_leaves_end() -> None:
    due = START + AUTHORITY_LIFE * 2 / 3
    before = wanted(wanted({}, now=START), now=due - DAY)
    trusted = wanted(before, now=due)
    signing = wanted(trusted, now=due + OVERLAP)
    alone = wanted(wanted(signing, now=due + 61 * DAY), now=due + OVERLAP + LEAF_LIFE)

    assert changed(before, trusted) == {Holder.AUTHORITY}
    assert wanted(trusted, now=due + OVERLAP - dt.timedelta(seconds=1)) == trusted
    assert changed(trusted, signing) == set(LEAVES)
    trusts = [len(pki.read_authorities(each[Holder.GATEWAY].authorities)) for each in (before, trusted, signing, alone)]

    assert trusts == [1, 2, 2, 1]
    assert all(chains(each) for each in (before, trusted, signing, alone))


def test_whoever_has_not_read_the_new_secrets_yet_is_still_trusted() -> None:
    due = START + AUTHORITY_LIFE * 2 / 3
    before = wanted(wanted({}, now=START), now=due - DAY)
    trusted = wanted(before, now=due)
    signing = wanted(trusted, now=due + OVERLAP)

    assert chains({**trusted, Holder.OPERATOR: before[Holder.OPERATOR]})
    assert chains({**signing, Holder.GATEWAY: trusted[Holder.GATEWAY]})


def test_a_deleted_authority_is_replaced_without_cutting_anybody_off() -> None:
    made = wanted({}, now=START)
    left = {holder: made[holder] for holder in LEAVES}
    after = wanted(left, now=START + DAY)

    assert changed(made, after) == {Holder.AUTHORITY}
    assert chains(after)


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    server = FakeApi((SECRETS,))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def cluster(api: FakeApi) -> AsyncIterator[Cluster]:
    made = api.cluster()
    yield made
    await made.close()


def keeper(cluster: Cluster, now: dt.datetime = START) -> CertificateKeeper:
    return CertificateKeeper(cluster, namespace="system", names=NAMES, clock=lambda: now)


async def test_the_leader_writes_three_secrets_and_then_nothing(cluster: Cluster, api: FakeApi) -> None:
    writes = [await keeper(cluster).keep(), await keeper(cluster).keep()]
    found = await read_tls_secret(cluster, "system", "gw-gateway-tls")

    assert writes == [3, 0]
    assert found is not None
    assert pki.dns_names(pair(found).certificate) == {"modelfleet-gateway"}
    assert {secret["type"] for secret in api.store.select(SECRETS, "system", None)} == {"kubernetes.io/tls"}


async def test_renewal_changes_the_leaves_in_place(cluster: Cluster, api: FakeApi) -> None:
    await keeper(cluster).keep()
    writes = await keeper(cluster, START + 70 * DAY).keep()

    assert writes == 2
    assert api.requests["post secrets"] == 3


async def test_an_empty_secret_is_filled(cluster: Cluster, api: FakeApi) -> None:
    api.add(SECRETS, "gw-ca", namespace="system", data={"tls.crt": "", "tls.key": ""})

    assert await keeper(cluster).keep() == 3


async def test_what_somebody_else_filled_is_left_alone(cluster: Cluster, api: FakeApi) -> None:
    api.add(SECRETS, "gw-gateway-tls", namespace="system", data={"tls.crt": base64.b64encode(b"theirs").decode()})

    assert await keeper(cluster).keep() == 0
    assert await read_tls_secret(cluster, "system", "gw-ca") is None


async def test_a_secret_that_moved_on_is_not_overwritten(
    cluster: Cluster, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keeper(cluster).keep()
    late = keeper(cluster, START + 70 * DAY)
    read = late._read

    async def read_before_another_writes(holder: Holder) -> Json | None:
        found = await read(holder)
        api.change(SECRETS, NAMES.of(holder), {"metadata": {"labels": {"seen": "yes"}}}, namespace="system")
        return found

    monkeypatch.setattr(late, "_read", read_before_another_writes)
    with pytest.raises(Conflict):
        await late.keep()


async def test_a_missing_secret_is_none(cluster: Cluster) -> None:
    assert await read_tls_secret(cluster, "system", "absent") is None
