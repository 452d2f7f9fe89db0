"""The files under our data assets, as the real azure-ai-ml puts them into Azurite, and what becomes of them."""

import pytest

from app.backends.azure_foundry.training import files
from app.backends.azure_foundry.transport.names import FILE_TAG
from app.domain.backend import RemoteFile, Unavailable
from tests.support.azure.foundry import AzureBench
from tests.support.azure.roles import BLOB_CONTRIBUTOR
from tests.support.azure.state import Asset, Storage

STORE = r"\.blob\.core\.windows\.net/.*/LocalUpload/"
ELSEWHERE = "subscriptions/s/resourcegroups/g/workspaces/w"
ASSET = r"/data/tunedesk-[0-9a-f]+/versions/1$"


def uploaded(bench: AzureBench) -> RemoteFile:
    """Send the training rows, and nothing else."""
    file = bench.backend.upload(bench.training_rows, tag="job-1-training")
    for _ in range(20):
        if file.ready:
            return file
        file = bench.backend.file(file)
    raise AssertionError("the rows never arrived")


def storage(bench: AzureBench) -> Storage:
    return bench.cloud.seed.project.storage


def lying(bench: AzureBench) -> list[str]:
    return bench.cloud.blobs.names(storage(bench))


def asset(bench: AzureBench, file: RemoteFile) -> Asset | None:
    name, _, version = file.id.partition(":")
    return bench.cloud.seed.project.data.get(name, {}).get(version)


def discarded(bench: AzureBench) -> str:
    return bench.backend.discard_upload(bench.training_rows)


def somebody_names(bench: AzureBench, uri: str, **properties: object) -> None:
    """Register a colleague's asset at an address."""
    given = {"dataType": "uri_file", "dataUri": uri, "tags": {}, **properties}
    bench.cloud.seed.project.data["theirs"] = {"7": Asset("data", "theirs", "7", given, bench.cloud.clock.now())}


@pytest.mark.parametrize("way", ["signature", "key", "identity"])
def test_the_file_goes_with_its_asset(bench: AzureBench, way: str) -> None:
    """However the datastore opens its storage account."""
    storage(bench).signs, storage(bench).allow_keys = way == "signature", way != "identity"
    bench.cloud.seed.grant(BLOB_CONTRIBUTOR)
    bench.cloud.blobs.put(storage(bench), "LocalUpload/1/colleague.jsonl", b"theirs")
    file = uploaded(bench)
    name = file.id.partition(":")[0]
    assert [each.rpartition("/")[2] for each in lying(bench)] == ["colleague.jsonl", f"{name}.jsonl"]
    assert discarded(bench) == f"Deleted at Azure{files.REMOVED}."
    assert lying(bench) == ["LocalUpload/1/colleague.jsonl"]
    assert asset(bench, file) is None
    assert discarded(bench) == "It was gone already."


@pytest.mark.parametrize(
    "begins", ["azureml://datastores/workspaceblobstore/paths", "https://x.example/c", "wasbs://c@x"]
)
@pytest.mark.parametrize("archived", [False, True])
@pytest.mark.parametrize("folder", [False, True])
def test_a_file_that_another_asset_names_stays(bench: AzureBench, begins: str, *, archived: bool, folder: bool) -> None:
    uploaded(bench)
    path = lying(bench)[0]
    named = f"{path.rpartition('/')[0]}/" if folder else path
    somebody_names(bench, f"{begins}/{named}", isArchived=archived)
    assert discarded(bench) == (
        "Deleted at Azure; the file under it stays, because the data asset theirs:7 names it, too."
    )
    assert lying(bench) == [path]


@pytest.mark.parametrize(
    ("uri", "asset_of"),
    [
        ("azureml://datastores/workspaceblobstore/paths/LocalUpload/1/theirs.jsonl", "theirs"),
        ("azureml://datastores/workspaceblobstore/paths/LocalUpload/1/rows.jsonl", "theirs"),
        ("azureml://datastores/workspaceblobstore/paths/LocalUpload/1/../2/rows.jsonl", None),
        ("azureml://datastores/another/paths/LocalUpload/1/rows.jsonl", None),
        (f"azureml://{ELSEWHERE}/datastores/workspaceblobstore/paths/LocalUpload/1/rows.jsonl", None),
    ],
)
def test_a_file_that_is_not_ours_stays(bench: AzureBench, uri: str, asset_of: str | None) -> None:
    """An asset with our mark names something that was not uploaded from here: only the asset goes."""
    file = uploaded(bench)
    bench.cloud.blobs.put(storage(bench), "LocalUpload/1/rows.jsonl", b"theirs", asset=asset_of)
    bench.cloud.blobs.put(storage(bench), "LocalUpload/1/theirs.jsonl", b"theirs", asset=asset_of)
    before, ours = lying(bench), asset(bench, file)
    assert ours is not None
    ours.properties["dataUri"] = uri
    assert "; the file under it stays where it is: it " in discarded(bench)
    assert lying(bench) == before
    assert asset(bench, file) is None


def test_a_file_that_an_earlier_version_sent_goes_too(bench: AzureBench) -> None:
    """Under its old name, as Azure names it in full."""
    file = uploaded(bench)
    ours = asset(bench, file)
    assert ours is not None
    path = "LocalUpload/1/rows.jsonl"
    bench.cloud.blobs.put(storage(bench), path, b"ours", asset=ours.name)
    position = bench.backend.azure.workspace_path.replace("resourceGroups", "resourcegroups").replace(
        "providers/Microsoft.MachineLearningServices/", ""
    )
    ours.properties["dataUri"] = f"azureml:/{position}/datastores/workspaceblobstore/paths/{path}"
    assert discarded(bench) == f"Deleted at Azure{files.REMOVED}."
    assert path not in lying(bench)


@pytest.mark.parametrize(
    ("met", "kind", "code", "said"),
    [
        (
            ("HEAD", STORE),
            "403",
            "AuthorizationPermissionMismatch",
            "A role on the project's storage account is missing",
        ),
        (("HEAD", STORE), "403", "AuthorizationFailure", "firewall keeps this machine out"),
        (("DELETE", STORE), "403", "KeyBasedAuthenticationNotPermitted", "KeyBasedAuthenticationNotPermitted"),
        (("DELETE", STORE), "409", "BlobImmutableDueToPolicy", "BlobImmutableDueToPolicy"),
    ],
)
def test_what_storage_refuses_is_reported_and_blocks_nothing(
    bench: AzureBench, met: tuple[str, str], kind: str, code: str, said: str
) -> None:
    file = uploaded(bench)
    bench.cloud.faults.add(met, kind, code=code)
    reported = discarded(bench)
    assert reported.startswith("Deleted at Azure; the file under it stays in your storage account (")
    assert reported.endswith("): delete it there.")
    assert said in reported
    assert asset(bench, file) is None
    assert len(lying(bench)) == 1


def test_without_a_role_on_the_storage_account_that_is_reported(bench: AzureBench) -> None:
    uploaded(bench)
    storage(bench).allow_keys = False
    assert "A role on the project's storage account is missing: AuthorizationPermissionMismatch" in discarded(bench)
    assert len(lying(bench)) == 1


@pytest.mark.parametrize("met", [("HEAD", STORE), ("DELETE", STORE), ("DELETE", ASSET)])
@pytest.mark.parametrize("kind", ["reset", "503", "reset-after"])
def test_what_passes_is_tried_again(bench: AzureBench, met: tuple[str, str], kind: str) -> None:
    """Also by a repeat after everything stopped between the two."""
    file = uploaded(bench)
    bench.cloud.faults.add(
        met, kind, times=1 if met == ("DELETE", ASSET) else 3
    )  # a call of its own is tried three times
    with pytest.raises(Unavailable) as caught:
        discarded(bench)
    assert "sig=" not in f"{caught.value.detail}{caught.value.fix}".replace("sig=…", "")
    bench.cloud.faults.clear()
    discarded(bench)
    assert lying(bench) == []
    assert asset(bench, file) is None


def test_rows_whose_file_is_gone_are_sent_anew(bench: AzureBench) -> None:
    """Everything stopped between the two, and then the same rows are needed again."""
    file = uploaded(bench)
    bench.cloud.faults.add(("DELETE", ASSET), "503")
    with pytest.raises(Unavailable):
        discarded(bench)
    half = asset(bench, file)
    assert half is not None
    assert FILE_TAG in half.tags
    assert lying(bench) == []
    assert uploaded(bench) == file
    whole = asset(bench, file)
    assert whole is not None
    assert FILE_TAG not in whole.tags
    assert len(lying(bench)) == 1
    assert discarded(bench) == f"Deleted at Azure{files.REMOVED}."


def test_where_azure_deletes_no_asset_it_keeps_its_file(bench: AzureBench) -> None:
    file = uploaded(bench)
    bench.cloud.faults.add(("DELETE", r"/data/tunedesk-[0-9a-f]+/versions/"), "403", times=9)
    assert "so it was archived: hidden, its files kept in your storage." in discarded(bench)
    assert len(lying(bench)) == 1
    bench.cloud.faults.clear()
    bench.cloud.faults.add(("DELETE", ASSET), "403", times=9)
    assert "so it was archived: hidden; the file under it was deleted, too." in discarded(bench)
    kept = asset(bench, file)
    assert kept is not None
    assert FILE_TAG in kept.tags, "it is not used without its file"


def test_too_many_assets_are_not_looked_through(bench: AzureBench) -> None:
    uploaded(bench)
    for number in range(201):
        made = Asset(
            "data", f"d{number}", "1", {"dataType": "uri_file", "dataUri": "azureml://x"}, bench.cloud.clock.now()
        )
        bench.cloud.seed.project.data[made.name] = {"1": made}
    assert "too many to see whether another one names it" in discarded(bench)
    assert len(lying(bench)) == 1
