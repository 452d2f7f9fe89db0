"""The ids of the connections that an installation has from the start: stored data, so they never change."""

LOCAL_ID = "con_local"
REHEARSAL_ID = "con_rehearsal"
