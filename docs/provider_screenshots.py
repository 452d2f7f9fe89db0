"""Pictures of what leads to providers, over emulated ones: Azure AI Foundry, Azure OpenAI, OpenAI's wire."""

import re
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, expect

from app.demo.client import Answer, DemoClient
from docs.camera import WAIT_MS, Camera
from tests.browser.azure import azure_installation, plant
from tests.browser.openai import WireInstallation, wire_installation
from tests.support.azure.certificates import make_certificates
from tests.support.azure.roles import CONTRIBUTOR
from tests.support.azure.seed import SECRET
from tests.support.azure.state import SUBSCRIPTION, TENANT
from tests.support.openai_plane.azure import AzurePlane, AzureScript
from tests.support.openai_plane.azure_bench import settings_for
from tests.support.openai_plane.past import trained_by_others
from tests.support.openai_plane.plane import KEY, Plane
from tests.support.openai_plane.script import Script
from tests.support.pages import FINAL, rows

RESCUED = 8
ANSWERS = 3
MODEL = "gpt-4.1-mini-2025-04-14"
ANY_COST = {"up_to": "1000", "currency": "USD", "unknown_price": True}


def photograph_providers(lens: Camera, folder: Path) -> None:
    """Photograph connections of each kind, what is on an account, lifeboats, and acts that are billed."""
    expect.set_options(timeout=WAIT_MS)
    for name in ("openai", "azure-openai", "azure"):
        (folder / name).mkdir(parents=True)
    with wire_installation(folder / "openai", Plane, Script()) as openai:
        trained_by_others(openai.plane, RESCUED)
        _openai(lens, openai)
    with wire_installation(folder / "azure-openai", AzurePlane, AzureScript(train_s=60.0, deploy_s=5.0)) as azure:
        _azure_openai(lens, azure)
    _azure(lens, folder / "azure")


def _openai(lens: Camera, here: WireInstallation) -> None:
    lens.point_at(here.url)
    lens.take("connections-new", "/connections")
    lens.take("openai-connect", "/connections/new?backend=openai")
    with DemoClient(here.url) as client:
        project = client.post("/projects", {"name": "Rescued"})["id"]
        made = client.post(
            "/connections",
            {
                "backend": "openai",
                "name": "Old home",
                "settings": {"base_url": here.base},
                "secrets": {"api_key": KEY},
            },
        )
        path = f"/connections/{made['id']}"
        client.post(f"{path}/doctor")
        lens.take("openai-connection", path)
        lens.take("connection-edit", f"{path}/edit")
        lens.take("connection-delete", f"{path}/delete")
        lens.take("account-reading", f"{path}/account")
        lens.take("account", f"{path}/account?now=yes")
        found = client.get(f"{path}/account")
        job, file = found["jobs"][0], found["files"][0]
        lens.take("adopt-job", f"{path}/account/adopt?kind=job&remote={job['id']}&label={job['name']}")
        lens.take("adopt-file", f"{path}/account/adopt?kind=file&remote={file['id']}&label={file['name']}")
        adopted = client.post(f"{path}/account/jobs", {"job": job["id"], "project": project})
        lens.take("job-adopted", f"/jobs/{adopted['id']}")
        lens.take("account-adopted", f"{path}/account?now=yes")
        kept = client.get(f"{path}/account")["adopted"][0]
        lens.take("account-remove", f"{path}/account/remove?remote={kept['remote_id']}&label={kept['name']}")
        lens.take("lifeboats-empty", f"{path}/lifeboats")
        boat = client.post("/lifeboats", {"connection": made["id"], "project": project, "rows": ANSWERS})
        lens.take("lifeboat-begun", f"/lifeboats/{boat['id']}")
        client.until(f"/lifeboats/{boat['id']}", lambda seen: seen["lifeboat"]["status"] == "done")
        lens.take("lifeboat", f"/lifeboats/{boat['id']}")
        lens.take("lifeboats", f"{path}/lifeboats")
        rescued = client.items(f"/lifeboats/{boat['id']}/jobs")[0]
        lens.take("rescued-job", f"/rescued-jobs/{rescued['id']}")


def _azure_openai(lens: Camera, here: WireInstallation) -> None:
    lens.point_at(here.url)
    lens.take("azure-openai-connect", "/connections/new?backend=azure_openai")
    with DemoClient(here.url) as client:
        body = {"backend": "azure_openai", "name": "Our resource", "settings": settings_for(here.base), "secrets": {}}
        made = client.post("/connections", body)
        client.post(f"/connections/{made['id']}/doctor")
        lens.take("azure-openai-connection", f"/connections/{made['id']}")
        lens.take("azure-openai-catalog", f"/catalog?connection={made['id']}")
        draft = _draft(client, made["id"])
        lens.take_all(
            "azure-openai-wizard", f"/wizard/{draft['id']}", ("project", "model", "hyperparameters", "review")
        )
        job = client.post(f"/drafts/{draft['id']}/submit", {"accept_cost": ANY_COST})
        done = client.until(f"/jobs/{job['id']}", lambda seen: seen["status"] in FINAL)
        lens.take("azure-openai-job", f"/jobs/{job['id']}")
        lens.take("job-run-again", f"/jobs/{job['id']}/run-again")
        lens.take("job-retry", f"/jobs/{job['id']}/retry")
        lens.take("deployments-new", f"/deployments?model={done['fine_tuned_model']}")
        target = {"target": {"model": done["fine_tuned_model"]}, "accept_cost": ANY_COST}
        served = client.post("/deployments", target)
        client.until(f"/deployments/{served['id']}", lambda seen: seen["status"] == "ready")
        lens.take("azure-openai-deployment", f"/deployments/{served['id']}")
        lens.take("azure-openai-prices", "/settings/prices")
        lens.take("azure-openai-leftovers", f"/connections/{made['id']}/orphans")
        found = client.get(f"/connections/{made['id']}/orphans")
        key = quote([*found["orphans"], *found["known"]][0]["key"], safe="")
        lens.take("leftover-remove", f"/connections/{made['id']}/orphans/remove?key={key}")
        lens.page.goto("about:blank")  # the page goes on asking for its live parts, and its server ends now


def _draft(client: DemoClient, connection: str) -> Answer:
    project = client.post("/projects", {"name": "Support"})["id"]
    query = {"name": "messages", "filename": "messages.jsonl", "project": project}
    data = client.ask("PUT", "/datasets", params=query, content=rows())
    wanted = {"project": project, "connection": connection, "base_model": MODEL, "name": "triage"}
    return client.post("/drafts", {**wanted, "training_dataset": data["id"], "validation": {"kind": "split"}})


def _azure(lens: Camera, folder: Path) -> None:
    settings = {"credential": "client_secret", "tenant_id": TENANT}
    where = {"subscription_id": SUBSCRIPTION, "resource_group": "rg1", "workspace": "proj1"}
    with azure_installation(make_certificates(folder), folder) as here:
        here.serve()
        lens.point_at(here.url)
        plant(here.cloud)
        here.cloud.seed.grant(CONTRIBUTOR)
        settings["client_id"] = here.cloud.seed.app.app_id
        lens.take("azure-connect", "/connections/new?backend=azure_foundry", _by_a_secret)
        with DemoClient(here.url) as client:
            body = {"backend": "azure_foundry", "name": "Team subscription", "settings": {**settings, **where}}
            made = client.post("/connections", {**body, "secrets": {"client_secret": SECRET}})
            path = f"/connections/{made['id']}"
            client.post(f"{path}/doctor")
            lens.take("azure-connection", path)
            lens.take("azure-choose", f"{path}/choose")
            lens.take("azure-making", f"{path}/choose", _make_a_project)
            lens.take("azure-limits", f"{path}/limits")
            lens.take("azure-leftovers", f"{path}/orphans")
            lens.take("azure-catalog", f"/catalog?connection={made['id']}")
        lens.page.goto("about:blank")


def _by_a_secret(page: Page) -> None:
    page.get_by_label("Service principal with a secret").check()
    page.get_by_label(re.compile("^Client secret")).wait_for()


def _make_a_project(page: Page) -> None:
    form = page.locator("form[action$='/create/project']")
    form.locator("input[name=name]").fill("proj-two")
    form.get_by_role("button").click()
    page.locator("#making").wait_for()
