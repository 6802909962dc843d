//! The built-in jobs, one file each.
