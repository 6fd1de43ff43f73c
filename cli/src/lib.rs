//! The commands of `warifu`, and the sandbox that runs all four roles in one process.
