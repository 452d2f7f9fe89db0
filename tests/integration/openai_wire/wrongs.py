"""What OpenAI and Azure were seen, or are documented, to do: each with the tests that hold our client against it.

Sources: OpenAI's and Azure's specifications, issues of their clients, and Microsoft's notes for agents (azure-skills).
The emulated planes do each of these; `test_wrongs.py` fails where a line has no test, or names one that is not there.
"""

from collections.abc import Mapping, Sequence

_HERE = "tests/integration/openai_wire"
_ONCE, _WRONGS, _AZURE = f"{_HERE}/test_submitted_once.py", f"{_HERE}/test_wrongs.py", f"{_HERE}/test_azure.py"
_FINAL, _LARGE = f"{_HERE}/test_final_refusals.py", f"{_HERE}/test_large_files.py"
_CONFORM = f"{_HERE}/test_conformance.py"
_WORDS = "tests/unit/backends/openai_wire/test_wire_words.py"

OPENAI: Mapping[str, Sequence[str]] = {
    "a create is accepted, and its answer is cut": [f"{_ONCE}::test_what_was_accepted_is_not_created_again"],
    "a create is accepted, and half of its answer comes": [
        f"{_ONCE}::test_a_restart_at_any_turn_creates_nothing_twice"
    ],
    "a create is accepted, and answered by 500": [f"{_ONCE}::test_what_was_accepted_is_not_created_again"],
    "a create is accepted, and nobody answers": [f"{_WRONGS}::test_an_answer_that_never_comes_is_a_doubt"],
    "429 with Retry-After": [f"{_ONCE}::test_a_limit_is_waited_for"],
    "429 without Retry-After": [f"{_WRONGS}::test_a_limit_that_names_no_time_is_waited_for"],
    "429 daily_rate_limit_exceeded": [f"{_ONCE}::test_a_limit_is_waited_for"],
    "403 to a create since the wind-down": [f"{_WRONGS}::test_the_end_of_fine_tuning_is_said_and_pauses_nothing"],
    "a file ends in error": [f"{_WRONGS}::test_a_file_that_is_refused_ends_its_job_in_the_providers_words"],
    "a job fails when its file is checked": [f"{_ONCE}::test_a_bad_file_and_a_failed_moderation_are_the_rows_fault"],
    "a job fails in moderation after its training": [f"{_ONCE}::test_moderation_at_the_end_says_that_it_may_be_billed"],
    "`error: {}` where nothing went wrong": [
        f"{_CONFORM}::test_answers_are_those_of_the_types_but_for_what_was_captured"
    ],
    "the statuses pausing and paused": [f"{_WRONGS}::test_a_job_that_is_pausing_is_not_paused_yet"],
    "a status that nobody knows": [f"{_ONCE}::test_an_unknown_word_is_kept_and_no_end"],
    "events newest first, over more than twenty pages": [f"{_ONCE}::test_pages_of_events_are_read_to_the_end"],
    "jobs filtered by metadata, and a server that does not": [f"{_ONCE}::test_what_was_accepted_is_not_created_again"],
    "a list that lags behind a create": [f"{_ONCE}::test_what_was_accepted_is_not_created_again"],
    "result files in base64": [f"{_WRONGS}::test_result_files_are_read_in_both_forms"],
    "models without has_more": [f"{_WRONGS}::test_a_list_of_models_has_no_pages"],
    "an upload in parts that loses an answer, or runs out": [
        f"{_LARGE}::test_a_part_that_fails_is_sent_again_and_no_other",
        f"{_LARGE}::test_an_upload_that_has_run_out_is_begun_anew",
    ],
    "409 to every create": [
        f"{_FINAL}::test_a_create_that_is_refused_by_409_for_good_ends_once_it_is_sure_that_nothing_runs"
    ],
    "a repeated create makes a second job": [f"{_ONCE}::test_a_second_job_on_the_same_file_is_cancelled_and_said"],
    "a model that is not there yet when its job has succeeded": [f"{_WRONGS}::test_a_model_that_comes_late_is_awaited"],
}
AZURE: Mapping[str, Sequence[str]] = {
    "pending after a create, -1 for auto, and keys that come only later": [
        f"{_WRONGS}::test_azures_words_after_a_create_are_understood",
        f"{_CONFORM}::test_azures_answers_are_those_of_its_types_but_for_what_was_captured",
    ],
    "201 or 200 to a create": [f"{_WRONGS}::test_a_create_may_be_answered_by_201"],
    "a file that is pending for a while, and a create before it is processed": [
        f"{_WRONGS}::test_a_create_waits_until_its_file_is_processed"
    ],
    "no trainingType: the base model does not support fine-tuning": [
        f"{_WRONGS}::test_without_its_kind_of_training_a_create_is_refused",
        f"{_AZURE}::test_the_misleading_refusal_of_a_region_is_explained",
    ],
    "trainingType comes back in another case": [f"{_WRONGS}::test_azures_words_after_a_create_are_understood"],
    "404 to uploads in parts on v1 and at a project": [f"{_WRONGS}::test_uploads_in_parts_are_not_there"],
    "more than 150 MB in one request is taken, and its job fails by 500": [
        f"{_LARGE}::test_azure_takes_too_much_in_one_request_and_fails_the_job",
        f"{_LARGE}::test_a_large_file_goes_up_in_parts_and_is_whole",
    ],
    "a right to deploy that is missing, beside one to train": [
        f"{_FINAL}::test_a_deployment_that_is_refused_for_good_ends_and_trainings_go_on"
    ],
    "409 while another operation is under way": [f"{_FINAL}::test_what_passes_at_resource_manager_is_waited_out"],
    "a lock against a deletion": [f"{_FINAL}::test_a_lock_on_a_deletion_is_said_and_what_is_billed_is_not_given_up"],
    "400 to an api-version on v1": [f"{_WRONGS}::test_an_api_version_on_v1_is_explained"],
    "431 to more than ten headers of one's own": [f"{_WRONGS}::test_eleven_headers_are_too_many_and_ours_are_few"],
    "a deployment is Accepted, Creating, Succeeded": [f"{_WRONGS}::test_a_deployment_goes_by_resource_managers_words"],
    "a deployment that Succeeded is not ready twice": [f"{_AZURE}::test_a_model_goes_all_the_way"],
    "an SKU is refused": [f"{_WRONGS}::test_a_base_model_gets_no_developer_tier"],
    "quota is refused": [f"{_AZURE}::test_quota_that_is_missing_is_named"],
    "500 without a message to a wrong format": [f"{_WRONGS}::test_a_wrong_format_is_explained"],
    "409 to a deployment's name that is taken": [f"{_WRONGS}::test_a_name_that_is_taken_is_said"],
    "quota is refused for seconds after a deletion": [f"{_WRONGS}::test_quota_that_was_just_freed_is_waited_for"],
    "the developer's tier ends after a day": [
        f"{_AZURE}::test_a_developer_deployment_ends_after_a_day_and_is_made_again"
    ],
    "a deployment that nobody asks ends after fifteen days": [
        f"{_WRONGS}::test_a_deployment_that_azure_deletes_for_idleness_is_made_again"
    ],
    "apim-request-id and x-ms-request-id": [f"{_WRONGS}::test_the_request_id_of_each_plane_is_kept"],
    "an open model answers on the dated plane": [f"{_AZURE}::test_an_open_model_answers_at_another_address"],
    "a filter refuses a question": [f"{_WORDS}::test_each_refusal_is_of_its_kind"],
}
