//! What the words of soft dependencies stand for, as far as a plan goes.

use crate::{Resolver, Target};

/// So many words are looked up, and modules found by them, for one plan. A
/// distribution's plans need some hundreds; a thousand words that stand for a
/// thousand modules each, and lead back, would fill all memory.
const MOST: usize = 1 << 18;

/// The lookups of one plan.
pub(crate) struct Lookups {
    left: usize,
    /// Words that nothing was found for because no lookup can be made: a
    /// bracket without its partner, or there were too many.
    pub(crate) unreadable: Vec<Vec<u8>>,
}

impl Lookups {
    pub(crate) fn new() -> Self {
        Self { left: MOST, unreadable: Vec::new() }
    }

    /// All modules that `words` stand for, in their order.
    pub(crate) fn all<'w>(
        &mut self,
        resolver: &Resolver<'_>,
        words: impl Iterator<Item = &'w [u8]>,
    ) -> Vec<Target> {
        let mut all = Vec::new();
        for word in words {
            if self.left == 0 {
                break;
            }
            match resolver.lookup(word) {
                Ok(found) if found.len() < self.left => {
                    self.left = self.left.saturating_sub(found.len().saturating_add(1));
                    all.extend(found);
                }
                Ok(_) => {
                    self.left = 0;
                    self.unreadable.push(word.to_vec());
                }
                Err(_) => self.unreadable.push(word.to_vec()),
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use komod_fixtures::within_a_second;
    use komod_kernel::Recorder;

    use crate::Request;
    use crate::world::World;

    #[test]
    fn words_that_all_stand_for_all_modules_are_not_followed_for_ever() {
        let aliases = (0..600).map(|n| format!("alias x* m{n}\n"));
        let softdeps = (0..600).map(|n| {
            let words: Vec<String> = (0..600).map(|word| format!("x{word}")).collect();
            format!("softdep m{n} pre: {} post: b[\n", words.join(" "))
        });
        let config: String = aliases.chain(softdeps).collect();
        let world = World::new(&["m0.ko:"], &[], &[], &config);
        let plan = within_a_second("planning", || {
            world.plan(&Recorder::new("6"), "m0", &Request::default())
        });
        assert!((600..1 << 18).contains(&plan.steps.len()), "{}", plan.steps.len());
        assert!(plan.steps.last().is_some_and(|step| step.top), "what was asked for is there");
        assert!(plan.unreadable.iter().any(|word| word.starts_with(b"x")), "and it is told");
    }
}
