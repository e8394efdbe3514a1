//! Names of tests as the tables name them.

/// Whether a name is that of the pattern, in which `*` stands for anything
/// within a component.
pub fn is_named(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            let within = rest.find('/').unwrap_or(rest.len());
            (0..=within).any(|at| rest.get(at..).is_some_and(|rest| is_named(tail, rest)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stay_within_a_component() {
        assert!(is_named("a/*/c", "a/b/c"));
        assert!(is_named("a/b*", "a/b"));
        assert!(is_named("a/*b*", "a/xby"));
        assert!(!is_named("a/*", "a/b/c"));
        assert!(!is_named("a/b", "a/bc"));
    }
}
