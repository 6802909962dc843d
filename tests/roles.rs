//! The roles as processes over a real server: checked, started, watched, drained and stopped.

mod doctor;
mod drain;
mod place;
mod up;
