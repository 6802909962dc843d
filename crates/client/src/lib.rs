//! What a door may call: submit, watch, cancel, fetch; and the in-process fleet.
