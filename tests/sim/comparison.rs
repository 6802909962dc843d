//! The model held against the real server.
