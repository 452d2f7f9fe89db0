"""Mistakes planted in our own client for Azure; see `planted.py`."""

from collections.abc import Sequence

from tests.campaigns.planted import Mutant

_AZURE = "app/backends/azure_foundry"
_FAULTS = "tests/integration/azure_client/test_faults.py"
_FILES = "tests/integration/azure_client/test_files.py"
_SIGNS = "tests/integration/azure_client/test_signing_in.py"
_ERRORS = "tests/unit/backends/azure/test_errors.py"
_DEADLINES = "tests/unit/backends/azure/test_deadlines.py"
_NAMES = "tests/unit/backends/azure/test_names.py"
_HOSTS = "tests/unit/backends/azure/test_hosts.py"
_DISCOVERY = "tests/integration/azure/test_discovery.py"
_MADE = "tests/integration/azure/test_made_models.py"
_SERVING = "tests/integration/azure/test_serving.py"
_CONTRACT = "tests/contract/test_azure.py"
_WHY = "tests/integration/azure/test_why_failed.py"
_WEATHER = "tests/integration/azure_client/test_weather.py"
_ALLOW = "tests/integration/azure/test_allow_list.py"
_MUTATIONS = "tests/integration/azure/test_mutations.py"

MUTANTS: Sequence[Mutant] = (
    Mutant(
        name="a token for the wrong audience",
        file=f"{_AZURE}/transport/hosts.py",
        right='Audience.MANAGEMENT: f"https://{self.arm}/.default",',
        wrong='Audience.MANAGEMENT: "https://storage.azure.com/.default",',
        test=f"{_SIGNS}::test_a_secret",
    ),
    Mutant(
        name="rows without the byte order mark",
        file=f"{_AZURE}/training/uploads.py",
        right="    yield BOM",
        wrong='    yield b""',
        test=f"{_FAULTS}::test_an_upload_that_fails_is_begun_anew",
    ),
    Mutant(
        name="an upload in pieces that loses one",
        file=f"{_AZURE}/training/uploads.py",
        right="            del kept[:_BLOCK]",
        wrong="            kept.clear()",
        test=f"{_FAULTS}::test_rows_that_are_sent_in_pieces_arrive_whole",
    ),
    Mutant(
        name="the same rows are sent again",
        file=f"{_AZURE}/training/uploads.py",
        right="        if self.exists(name):\n            return _file(name)\n        upload =",
        wrong="        upload =",
        test=f"{_FAULTS}::test_the_same_rows_are_sent_once",
    ),
    Mutant(
        name="a submit that is repeated by the package",
        file=f"{_AZURE}/transport/azure_ml.py",
        right="        retry_total=0,\n",
        wrong="        retry_total=3,\n",
        test=f"{_FAULTS}::test_an_unanswered_submit_is_a_doubt_that_a_look_up_settles",
    ),
    Mutant(
        name="an unanswered submit taken for a refused one",
        file=f"{_AZURE}/training/jobs.py",
        right="azure.in_time(lambda: put(azure, job), submitting=True)",
        wrong="azure.in_time(lambda: put(azure, job))",
        test=f"{_FAULTS}::test_an_unanswered_submit_is_a_doubt_that_a_look_up_settles",
    ),
    Mutant(
        name="a 5xx to a submit taken for a refusal",
        file=f"{_AZURE}/transport/errors.py",
        right="if submitting and (status >= _SERVER or status == _TIMED_OUT):",
        wrong="if submitting and status == _TIMED_OUT:",
        test=f"{_FAULTS}::test_an_unanswered_submit_is_a_doubt_that_a_look_up_settles",
    ),
    Mutant(
        name="no look-up after a conflict",
        file=f"{_AZURE}/training/jobs.py",
        right="        except (Conflicted, Rejected):\n",
        wrong="        except ZeroDivisionError:\n",
        test=f"{_FAULTS}::test_a_conflict_with_an_earlier_submit_of_ours_is_that_job",
    ),
    Mutant(
        name="a job under another name each time",
        file=f"{_AZURE}/training/submission.py",
        right="        name=job_name(request.tag),\n",
        wrong="        name=f\"{job_name(request.tag)}-{__import__('time').monotonic_ns()}\",\n",
        test=f"{_CONTRACT}::TestAzure::test_a_job_is_found_by_its_tag_and_submitted_once",
    ),
    Mutant(
        name="a job without our tags",
        file=f"{_AZURE}/training/submission.py",
        right="        tags=azure.owner_tags(request.tag),\n",
        wrong="",
        test=f"{_CONTRACT}::TestAzure::test_a_job_is_found_by_its_tag_and_submitted_once",
    ),
    Mutant(
        name="a stranger's job is adopted",
        file=f"{_AZURE}/training/jobs.py",
        right="if tags_of(body).get(TAG) != tag:",
        wrong="if not body:",
        test=f"{_FAULTS}::test_what_is_not_ours_is_neither_adopted_nor_cancelled",
    ),
    Mutant(
        name="a stranger's job is cancelled",
        file=f"{_AZURE}/training/jobs.py",
        right="if TAG not in tags_of(body):",
        wrong="if not body:",
        test=f"{_FAULTS}::test_what_is_not_ours_is_neither_adopted_nor_cancelled",
    ),
    Mutant(
        name="cancelling what has ended is an error",
        file=f"{_AZURE}/training/jobs.py",
        right="        if status.is_final or status is JobStatus.CANCELLING:\n            return\n",
        wrong='        if status.is_final:\n            raise Rejected("It is over.")\n',
        test=f"{_CONTRACT}::TestAzure::test_cancelling_what_is_finished_changes_nothing",
    ),
    Mutant(
        name="a refused token is not renewed",
        file=f"{_AZURE}/transport/client.py",
        right="            self._credential, self._pipelines, self._ml = None, {}, None\n        return True",
        wrong="        return False",
        test=f"{_FAULTS}::test_a_token_that_is_refused_is_renewed_once",
    ),
    Mutant(
        name="providers are registered behind one's back",
        file=f"{_AZURE}/transport/wire.py",
        right='if answer.status_code == _CONFLICT and not options.get("stream") and UNREGISTERED in answer.text():',
        wrong="if answer.status_code == 0:",
        test=f"{_FAULTS}::test_a_missing_provider_is_reported_and_never_registered",
    ),
    Mutant(
        name="Paused taken for an end",
        file=f"{_AZURE}/training/states.py",
        right='"Paused": JobStatus.RUNNING,',
        wrong='"Paused": JobStatus.FAILED,',
        test=f"{_FAULTS}::test_attention_is_no_end",
    ),
    Mutant(
        name="an unknown word taken for an end",
        file=f"{_AZURE}/training/states.py",
        right="return meaning(STATES, word) or JobStatus.UNKNOWN",
        wrong="return meaning(STATES, word) or JobStatus.FAILED",
        test=f"{_FAULTS}::test_a_word_that_nobody_knows_moves_nothing_and_is_kept",
    ),
    Mutant(
        name="Completed taken for done before its model is there",
        file=f"{_AZURE}/training/job_observer.py",
        right="status = JobStatus.RUNNING  # it counts as such",
        wrong="pass  # it counts as such",
        test=f"{_FAULTS}::test_a_completed_job_without_its_model_is_not_over_yet",
    ),
    Mutant(
        name="a model of another run's taken for the job's",
        file=f"{_AZURE}/training/made_models.py",
        right="return Evidence.RUN_BELOW if root_of(",
        wrong="return Evidence.RUN_BELOW if True or root_of(",
        test=f"{_MADE}::test_what_another_job_made_is_no_candidate",
    ),
    Mutant(
        name="a likely model taken for a sure one when it is removed",
        file=f"{_AZURE}/training/made_models.py",
        right="(made.is_sure or the_one(candidates(workspace, job)) == made)",
        wrong="(made.is_sure or made)",
        test=f"{_MADE}::test_a_teardown_leaves_alone_what_is_not_surely_the_jobs",
    ),
    Mutant(
        name="points are told twice",
        file=f"{_AZURE}/training/job_observer.py",
        right="latest: Latest = {} if word in WAITING or cursor.over else self.jobs.latest(name)",
        wrong="cursor, latest = ObservationCursor(), self.jobs.latest(name)",
        test=f"{_CONTRACT}::TestAzureAbilities::test_a_cursor_leaves_out_what_was_reported_and_loses_nothing",
    ),
    Mutant(
        name="points are lost between two looks",
        file=f"{_AZURE}/training/job_observer.py",
        right="read = bool(moved) and (whole or fair)",
        wrong="read = False",
        test=f"{_CONTRACT}::TestAzureAbilities::test_a_cursor_leaves_out_what_was_reported_and_loses_nothing",
    ),
    Mutant(
        name="points in the order in which they came",
        file=f"{_AZURE}/training/metrics.py",
        right="for step in sorted(points)]",
        wrong="for step in points]",
        test=f"{_FAULTS}::test_points_and_events_in_any_order_come_out_in_order",
    ),
    Mutant(
        name="events under a new name each time",
        file=f"{_AZURE}/training/history.py",
        right="RemoteEvent(id=name, at=when,",
        wrong="RemoteEvent(id=f\"{name}{__import__('time').monotonic_ns()}\", at=when,",
        test=f"{_CONTRACT}::TestAzure::test_an_event_keeps_its_name",
    ),
    Mutant(
        name="an absurd Retry-After is obeyed",
        file=f"{_AZURE}/transport/errors.py",
        right="max(timedelta(0), min(wait, LONGEST_WAIT))",
        wrong="max(timedelta(0), wait)",
        test=f"{_ERRORS}::test_every_way_to_ask_for_a_pause",
    ),
    Mutant(
        name="the request id is dropped",
        file=f"{_AZURE}/transport/errors.py",
        right='return f" (request {found[:100]})" if found else ""',
        wrong='return ""',
        test=f"{_ERRORS}::test_an_answer_comes_to",
    ),
    Mutant(
        name="a quota taken for any refusal",
        file=f"{_AZURE}/transport/known_failures.py",
        right="        kind=QuotaExceeded, source=_QUOTA,\n",
        wrong="        kind=Rejected, source=_QUOTA,\n",
        test=f"{_ERRORS}::test_an_answer_comes_to",
    ),
    Mutant(
        name="a missing project loses jobs",
        file=f"{_AZURE}/transport/known_failures.py",
        right='code="ResourceNotFound|WorkspaceNotFound|NotFound", kind=NotThere',
        wrong='code="NoSuchCodeAtAll", kind=NotThere',
        test=f"{_FAULTS}::test_no_workspace_pauses_instead_of_losing_jobs",
    ),
    Mutant(
        name="a request after the deadline",
        file=f"{_AZURE}/transport/deadlines.py",
        right="return None if end is None else end - monotonic()",
        wrong="return None if end is None else 1.0",
        test=f"{_DEADLINES}::test_slow_work_is_left_and_sees_that_nobody_waits",
    ),
    Mutant(
        name="a second device code for a second call",
        file=f"{_AZURE}/transport/device_code.py",
        right="if self._waiting is not None and self._waiting.is_alive():",
        wrong="if self._waiting is not None and not self._waiting.is_alive():",
        test=f"{_SIGNS}::test_a_device_code_holds_nobody_up",
    ),
    Mutant(
        name="a second cloud in one process",
        file=f"{_AZURE}/transport/azure_ml.py",
        right="if spoken and spoken != wanted:",
        wrong="if not wanted:",
        test=f"{_SIGNS}::test_a_second_cloud_is_refused_in_one_process",
    ),
    Mutant(
        name="endpoint names beyond Azure's limit",
        file=f"{_AZURE}/transport/names.py",
        right="if len(name) > _ENDPOINT_LIMIT:",
        wrong="if len(name) > 64:",
        test=f"{_NAMES}::test_an_endpoints_name_is_valid_for_any_text",
    ),
    Mutant(
        name="a file is deleted that another asset still names",
        file=f"{_AZURE}/training/files.py",
        right="if named != asset and unquote(",
        wrong="if named == path and unquote(",
        test=f"{_FILES}::test_a_file_that_another_asset_names_stays",
    ),
    Mutant(
        name="assets that were put away are not asked for their files",
        file=f"{_AZURE}/training/files.py",
        right='/versions", listViewType="All")',
        wrong='/versions")',
        test=f"{_FILES}::test_a_file_that_another_asset_names_stays",
    ),
    Mutant(
        name="a file is deleted that was uploaded for something else",
        file=f"{_AZURE}/training/files.py",
        right='if seen.get("x-ms-meta-name") != asset.partition(":")[0]:',
        wrong="if not seen:",
        test=f"{_FILES}::test_a_file_that_is_not_ours_stays",
    ),
    Mutant(
        name="rows whose file is gone are taken for whole",
        file=f"{_AZURE}/training/uploads.py",
        right="if found is None or FILE_TAG in tags_of(found):",
        wrong="if found is None:",
        test=f"{_FILES}::test_rows_whose_file_is_gone_are_sent_anew",
    ),
    Mutant(
        name="a version left out of the base model",
        file=f"{_AZURE}/training/jobs.py",
        right="model = self._pinned(ModelId.parse(request.base_model))",
        wrong="model = ModelId.parse(request.base_model)",
        test=f"{_CONTRACT}::TestAzure::test_a_job_is_found_by_its_tag_and_submitted_once",
    ),
    Mutant(
        name="managed compute without its machine",
        file=f"{_AZURE}/training/submission.py",
        right="    return None, (machine,) if machine else ()\n",
        wrong="    return None, ()\n",
        test=f"{_FAULTS}::test_a_job_on_managed_compute_ends_with_a_model",
    ),
    Mutant(
        name="a host that only ends like one of Azure's",
        file=f"{_AZURE}/transport/hosts.py",
        right='(each[0] == "." and host.endswith(each))',
        wrong='host.endswith(each.lstrip("."))',
        test=f"{_HOSTS}::test_a_strange_address_is_refused_by_everything_that_sends",
    ),
    Mutant(
        name="a name before the host taken for the host",
        file=f"{_AZURE}/transport/hosts.py",
        right=r"https://([a-z0-9.-]+)(?::443)?(?:[/?#]|\Z)",
        wrong=r"https://([a-z0-9.-]+)",
        test=f"{_HOSTS}::test_a_strange_address_is_refused_by_everything_that_sends",
    ),
    Mutant(
        name="where a redirect leads is not looked at",
        file=f"{_AZURE}/transport/wire.py",
        right='self._cloud.check(options.pop("audience", self.audience), request.url)',
        wrong='options.pop("audience", None)',
        test=f"{_HOSTS}::test_a_strange_address_is_refused_by_everything_that_sends",
    ),
    Mutant(
        name="a token is fetched for a strange address",
        file=f"{_AZURE}/transport/client.py",
        right="        self.cloud.check(call.audience, call.url)  # before",
        wrong="        # before",
        test=f"{_DISCOVERY}::test_a_link_that_leads_elsewhere_is_not_followed",
    ),
    Mutant(
        name="a list ends with its first page",
        file=f"{_AZURE}/transport/paging.py",
        right='following, params = body.get("nextLink"), None',
        wrong="following, params = None, None",
        test=f"{_DISCOVERY}::test_long_lists_are_read_to_their_end",
    ),
    Mutant(
        name="somebody else's endpoint is taken for ours",
        file=f"{_AZURE}/serving/endpoint_kind.py",
        right='if found is not None and not is_ours(found.get("tags"), self.azure.installation):',
        wrong="if found is not None and not found:",
        test=f"{_SERVING}::test_another_ones_endpoint_of_our_name_is_neither_used_nor_deleted",
    ),
    Mutant(
        name="a registry's own data plane is a strange host",
        file=f"{_AZURE}/transport/hosts.py",
        right='data_planes=(".api.azureml.ms", ".experiments.azureml.net"),',
        wrong='data_planes=(".api.azureml.ms",),',
        test=f"{_ALLOW}::test_the_documented_hosts_suffice_for_the_whole_way",
    ),
    Mutant(
        name="a refusal's inner codes are not read",
        file=f"{_AZURE}/transport/error_bodies.py",
        right='if _kind(each) == "innererror"]',
        wrong='if _kind(each) == "never"]',
        test=f"{_ERRORS}::test_the_code_that_tells_is_found_at_any_depth",
    ),
    Mutant(
        name="the outer code decides",
        file=f"{_AZURE}/transport/known_failures.py",
        right="key=lambda each: each.depth(codes))",
        wrong="key=lambda each: -each.depth(codes))",
        test=f"{_ERRORS}::test_the_code_that_tells_is_found_at_any_depth",
    ),
    Mutant(
        name="an endpoint's unknown word taken for a failure",
        file=f"{_AZURE}/serving/serverless.py",
        right="status = meaning(_STATES, word) or Status.PENDING",
        wrong="status = meaning(_STATES, word) or Status.FAILED",
        test=f"{_WHY}::test_a_word_that_nobody_knows_moves_nothing",
    ),
    Mutant(
        name="what is not listed yet is taken for gone",
        file=f"{_AZURE}/serving/deployments.py",
        right="return _NOT_LISTED if any(kind.is_accepted(tag) for kind in self.kinds) else _GONE",
        wrong="return _GONE",
        test=f"{_WEATHER}::test_an_endpoint_that_is_not_listed_for_a_minute_is_made_once",
    ),
    Mutant(
        name="a list that cannot be read whole gives subscriptions back",
        file=f"{_AZURE}/serving/serverless.py",
        right="self.workspace.list(self.kind, whole=True)",
        wrong="self.workspace.list(self.kind)",
        test=f"{_MUTATIONS}::test_a_list_that_cannot_be_read_whole_gives_nothing_back",
    ),
)
