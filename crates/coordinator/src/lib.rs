//! The loop that feeds the engine and performs its effects.
