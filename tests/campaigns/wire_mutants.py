"""Mistakes planted in our own client of OpenAI's wire, at OpenAI and at Azure; see `planted.py`."""

from collections.abc import Sequence

from tests.campaigns.planted import Mutant

_WIRE = "app/backends/openai_wire"
_HERE = "tests/integration/openai_wire"
_ONCE, _WRONGS, _AZURE = f"{_HERE}/test_submitted_once.py", f"{_HERE}/test_wrongs.py", f"{_HERE}/test_azure.py"
_CROWD, _LIFEBOAT = f"{_HERE}/test_crowd.py", f"{_HERE}/test_lifeboat.py"
_UNIT = "tests/unit/backends/openai_wire"
_WORDS, _TOKENS = f"{_UNIT}/test_wire_words.py", f"{_UNIT}/test_tokens.py"
_ACCEPTED = f"{_ONCE}::test_what_was_accepted_is_not_created_again"
_WHOLE_WAY = f"{_AZURE}::test_a_model_goes_all_the_way"

WIRE_MUTANTS: Sequence[Mutant] = (
    Mutant(
        name="a token for any host",
        file=f"{_WIRE}/azure/sign_in.py",
        right="        if not self._trusts:\n",
        wrong="        if not self._settings:\n",
        test=f"{_TOKENS}::test_no_other_host_gets_one",
    ),
    Mutant(
        name="a host that only ends like one of Azure's",
        file=f"{_WIRE}/azure/settings.py",
        right=".lower().endswith(_TOKEN_HOSTS)",
        wrong=".lower().endswith(tuple(each[1:] for each in _TOKEN_HOSTS))",
        test=f"{_TOKENS}::test_no_other_host_gets_one",
    ),
    Mutant(
        name="a daily limit tried again within minutes",
        file=f"{_WIRE}/transport/errors.py",
        right='    (lambda said: said.code == "daily_rate_limit_exceeded", _daily),\n',
        wrong="",
        test=f"{_WORDS}::test_a_daily_limit_is_not_tried_within_minutes",
    ),
    Mutant(
        name="results in base64 taken for no table",
        file=f"{_WIRE}/training/result_file.py",
        right='base64.b64decode(b"".join(content.split()), validate=True)',
        wrong="content",
        test=f"{_WORDS}::test_results_are_read_plain_and_in_base64",
    ),
    Mutant(
        name="rows with fields that the wire does not know",
        file=f"{_WIRE}/training/rows.py",
        right="[{name: message[name] for name in _OF_A_MESSAGE if name in message} for message in given]",
        wrong="[dict(message) for message in given]",
        test=f"{_WORDS}::test_rows_go_as_the_wire_has_them",
    ),
    Mutant(
        name="a missing answer taken for a refusal",
        file=f"{_WIRE}/transport/plane.py",
        right="failed: type[BackendError] = OutcomeUnknown if submitting else Unavailable",
        wrong="failed: type[BackendError] = Unavailable",
        test=f"{_WRONGS}::test_an_answer_that_never_comes_is_a_doubt",
    ),
    Mutant(
        name="a 5xx to a create taken for a refusal",
        file=f"{_WIRE}/transport/plane.py",
        right="unclear = answer.status >= _SERVER_ERROR or answer.status in _MAYBE_ACCEPTED",
        wrong="unclear = answer.status in _MAYBE_ACCEPTED",
        test=_ACCEPTED,
    ),
    Mutant(
        name="a 409 to a create taken for a refusal",
        file=f"{_WIRE}/transport/plane.py",
        right="_MAYBE_ACCEPTED = frozenset({408, 409})",
        wrong="_MAYBE_ACCEPTED = frozenset({408})",
        test=_ACCEPTED,
    ),
    Mutant(
        name="no look before a create, and no uniqueness",
        file=f"{_WIRE}/training/jobs.py",
        right="        if known is not None:\n            return known\n        made =",
        wrong="        made =",
        test="tests/contract/test_openai.py::TestOpenAI::test_a_job_is_found_by_its_tag_and_submitted_once",
    ),
    Mutant(
        name="a stranger's job of a server that filters nothing",
        file=f"{_WIRE}/training/jobs.py",
        right='isinstance(metadata, dict) and metadata.get(TAG) == tag and body.get("id")',
        wrong='isinstance(metadata, dict) and body.get("id")',
        test=f"{_ONCE}::test_a_server_without_the_filter_gives_no_strangers_job",
    ),
    Mutant(
        name="no look by the file",
        file=f"{_WIRE}/training/jobs.py",
        right="list(self._by_metadata(tag)) or list(self._by_file(tag))",
        wrong="list(self._by_metadata(tag))",
        test=f"{_AZURE}::test_what_was_accepted_is_found_by_its_file",
    ),
    Mutant(
        name="the younger of two jobs is kept",
        file=f"{_WIRE}/training/jobs.py",
        right="first, *further = found",
        wrong="*further, first = found",
        test=f"{_ONCE}::test_a_second_job_on_the_same_file_is_cancelled_and_said",
    ),
    Mutant(
        name="a second job is left to train",
        file=f"{_WIRE}/training/jobs.py",
        right='            self._end_duplicate(str(first["id"]), each)\n',
        wrong="            pass\n",
        test=f"{_ONCE}::test_a_second_job_on_the_same_file_is_cancelled_and_said",
    ),
    Mutant(
        name="resuming pauses",
        file=f"{_WIRE}/training/jobs.py",
        right='self._steer(job, "resume"',
        wrong='self._steer(job, "pause"',
        test=f"{_AZURE}::test_pausing_keeps_azures_word",
    ),
    Mutant(
        name="the same rows are sent again",
        file=f"{_WIRE}/training/files.py",
        right="        if known is not None:\n            return RemoteFile(known, ready=False)\n",
        wrong="",
        test=f"{_ONCE}::test_a_lost_upload_is_found_by_its_name",
    ),
    Mutant(
        name="a create before its file is processed",
        file=f"{_WIRE}/training/files.py",
        right='ready=status in {_READY, ""} or not self._waits',
        wrong="ready=True",
        test=f"{_WRONGS}::test_a_create_waits_until_its_file_is_processed",
    ),
    Mutant(
        name="a refused file is trained on",
        file=f"{_WIRE}/training/files.py",
        right="        if status in _BAD:\n",
        wrong="        if not body:\n",
        test=f"{_WRONGS}::test_a_file_that_is_refused_ends_its_job_in_the_providers_words",
    ),
    Mutant(
        name="a list ends with its first page",
        file=f"{_WIRE}/training/files.py",
        right='if not body.get("has_more") or not items',
        wrong='if body or not body.get("has_more") or not items',
        test=f"{_CROWD}::test_five_hundred_waiting_jobs_are_followed_by_the_list",
    ),
    Mutant(
        name="a call for each waiting job",
        file=f"{_WIRE}/training/job_list.py",
        right="_CROWD = 5 ",
        wrong="_CROWD = 5000 ",
        test=f"{_CROWD}::test_five_hundred_waiting_jobs_are_followed_by_the_list",
    ),
    Mutant(
        name="events end with their first page",
        file=f"{_WIRE}/training/observation.py",
        right='if known is not None or not body.get("has_more")',
        wrong='if body or known is not None or not body.get("has_more")',
        test=f"{_ONCE}::test_pages_of_events_are_read_to_the_end",
    ),
    Mutant(
        name="an unknown word taken for an end",
        file=f"{_WIRE}/training/observation.py",
        right='known = status or (JobStatus.RUNNING if metrics or body.get("trained_tokens") else JobStatus.QUEUED)',
        wrong="known = status or JobStatus.FAILED",
        test=f"{_ONCE}::test_an_unknown_word_is_kept_and_no_end",
    ),
    Mutant(
        name="a failed moderation taken for the backend's fault",
        file=f"{_WIRE}/training/observation.py",
        right='for word in ("moderation", "policy", "refusals", "safety", "harmful")',
        wrong='for word in ("something else",)',
        test=f"{_ONCE}::test_moderation_at_the_end_says_that_it_may_be_billed",
    ),
    Mutant(
        name="pausing taken for paused",
        file=f"{_WIRE}/training/statuses.py",
        right='"pausing": JobStatus.RUNNING,',
        wrong='"pausing": JobStatus.PAUSED,',
        test=f"{_WRONGS}::test_a_job_that_is_pausing_is_not_paused_yet",
    ),
    Mutant(
        name="the closing of OpenAI's fine-tuning pauses the connection",
        file=f"{_WIRE}/transport/errors.py",
        right="if creating and said.status == _FORBIDDEN and name == OPENAI:",
        wrong="if creating and said.status == _FORBIDDEN and not name:",
        test=f"{_WRONGS}::test_the_end_of_fine_tuning_is_said_and_pauses_nothing",
    ),
    Mutant(
        name="Azure's request ids are dropped",
        file=f"{_WIRE}/transport/errors.py",
        right='_REQUEST_IDS = ("x-request-id", "apim-request-id", "x-ms-request-id")',
        wrong='_REQUEST_IDS = ("x-request-id",)',
        test=f"{_WRONGS}::test_the_request_id_of_each_plane_is_kept",
    ),
    Mutant(
        name="no kind of training",
        file=f"{_WIRE}/azure/training.py",
        right='return {"trainingType": str(request.options.get(TRAINING_TYPE) or usual)}',
        wrong="return {}",
        test=_WHOLE_WAY,
    ),
    Mutant(
        name="no api-version where one is needed",
        file=f"{_WIRE}/azure/backend.py",
        right='query = (("api-version", version),) if version else ()',
        wrong="query = ()",
        test=_WHOLE_WAY,
    ),
    Mutant(
        name="Succeeded taken for answering",
        file=f"{_WIRE}/azure/deployments.py",
        right='why = "" if self._has_answered(tag) else self._probe(tag, properties)',
        wrong='why = ""',
        test=_WHOLE_WAY,
    ),
    Mutant(
        name="a deployment is left to be billed",
        file=f"{_WIRE}/azure/deployments.py",
        right="            self.arm.delete(self._path(tag))\n",
        wrong="            self._path(tag)\n",
        test=_WHOLE_WAY,
    ),
    Mutant(
        name="a tuned model's job is left behind",
        file=f"{_WIRE}/azure/training.py",
        right="            self.dated.delete(f\"{JOBS}/{job['id']}\")\n",
        wrong="            pass\n",
        test=_WHOLE_WAY,
    ),
    Mutant(
        name="OpenAI's format for every model",
        file=f"{_WIRE}/azure/deployments.py",
        right='"properties": {"model": {"format": format_of(request.base_model),',
        wrong='"properties": {"model": {"format": OPENAI_FORMAT,',
        test=f"{_AZURE}::test_an_open_model_answers_at_another_address",
    ),
    Mutant(
        name="an open model asked on the v1 plane",
        file=f"{_WIRE}/azure/deployments.py",
        right="        if made == OPENAI_FORMAT:\n",
        wrong="        if made:\n",
        test=f"{_AZURE}::test_an_open_model_answers_at_another_address",
    ),
    Mutant(
        name="quota freed a moment ago ends a deployment",
        file=f"{_WIRE}/azure/deployments.py",
        right="            if self._freed_lately():\n",
        wrong="            if not self.settings:\n",
        test=f"{_WRONGS}::test_quota_that_was_just_freed_is_waited_for",
    ),
    Mutant(
        name="a reader taken for one who may deploy",
        file=f"{_WIRE}/azure/doctor.py",
        right='return has(role.get("actions")) and not has(role.get("notActions"))',
        wrong='return bool(role.get("actions")) and not has(role.get("notActions"))',
        test=f"{_AZURE}::test_the_doctor_tells_the_right_to_train_from_that_to_deploy",
    ),
    Mutant(
        name="a lifeboat ends with its first page",
        file=f"{_WIRE}/serving/history.py",
        right="after=last if more and last != after else None",
        wrong="after=None",
        test=f"{_LIFEBOAT}::test_everything_comes_home_and_is_trained_again",
    ),
)
