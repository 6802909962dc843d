//! The loop that claims, runs, heartbeats, reports and drains.
