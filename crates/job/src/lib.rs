//! What an author writes: the Job trait, its Context, and the registry of jobs.
