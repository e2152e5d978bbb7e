use std::collections::HashMap;

/// Environment of the process, or of a test.
pub type Environment = HashMap<String, String>;

/// Origin of a value, before the name of its variable.
const ORIGIN: &str = "the environment variable ";

/// Returns the origin of a value that this variable sets.
pub(crate) fn origin_of(variable: &str) -> String {
    format!("{ORIGIN}{variable}")
}

/// Returns true if a value with this origin comes from the environment.
pub(crate) fn is_environment(origin: &str) -> bool {
    origin.starts_with(ORIGIN)
}
