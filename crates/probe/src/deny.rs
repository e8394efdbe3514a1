//! Holding `deny` lines against what a plan would load.

use komod_config::Deny;
use komod_kernel::Kernel;
use komod_name::ModuleName;

use crate::insert::in_kernel;
use crate::{Action, Request, Resolver, Target};

/// Whether `deny` lines forbid what is to be loaded.
pub(crate) struct Guard<'a> {
    resolver: &'a Resolver<'a>,
    kernel: &'a dyn Kernel,
    ignore_loaded: bool,
}

impl<'a> Guard<'a> {
    /// `None` where no line can forbid anything.
    pub(crate) fn new(
        resolver: &'a Resolver<'a>,
        kernel: &'a dyn Kernel,
        request: &Request,
    ) -> Option<Self> {
        let counts = !request.ignore_deny && !resolver.config.denies.is_empty();
        counts.then_some(Self { resolver, kernel, ignore_loaded: request.ignore_loaded })
    }

    /// What forbids `target`: a line for it, or for a module that it needs and that is not
    /// in the kernel.
    pub(crate) fn by(&self, target: &Target) -> Option<Action> {
        let by = |name: &ModuleName, line: &Deny| {
            let (module, line) = (name.clone(), Box::new(line.clone()));
            Some(Action::Denied { module, line })
        };
        let config = self.resolver.config;
        if let Some(line) = config.deny_for(target.name.as_bytes()) {
            return by(&target.name, line);
        }
        let needs = self.resolver.database.dependencies(&target.name);
        needs.into_iter().map(Target::of_file).find_map(|needed| {
            let line = config.deny_for(needed.name.as_bytes())?;
            let there = !self.ignore_loaded && in_kernel(self.resolver, self.kernel, &needed);
            if there { None } else { by(&needed.name, line) }
        })
    }
}

#[cfg(test)]
mod tests {
    use komod_kernel::{Errno, Recorder};

    use super::*;
    use crate::world::{World, sketch};
    use crate::{Failure, Shell, execute};

    const DEP: [&str; 6] =
        ["a.ko: b.ko c.ko", "b.ko: c.ko", "c.ko:", "s.ko: t.ko", "t.ko:", "end.ko:"];

    fn world(config: &str) -> World {
        World::new(&DEP, &[("al*", "a"), ("al*", "b")], &["built"], config)
    }

    #[track_caller]
    fn check(config: &str, text: &str, expected: &str) {
        let plan = world(config).plan(&Recorder::new("6"), text, &Request::default());
        assert_eq!(sketch(&plan), expected, "{config}");
    }

    #[test]
    fn whoever_asks_is_refused_before_anything_is_done() {
        for (text, by) in [("a", "a"), ("al-x", "a"), ("b", "b"), ("c", "c")] {
            check(&format!("deny {by}\n"), text, &format!("x{by}({by})^"));
        }
        check("deny c it is slow\n", "a", "xa(c)^");
        check("deny c\ninstall c true\n", "b", "xb(c)^");
        check("deny b\ninstall b true\nblacklist b\n", "b", "xb(b)^");
        check("deny *\n", "built", "=built^");
        check("deny *\nallow c\n", "b", "xb(b)^");
        check("deny *\nallow ?\n", "b", "+c +b^");
        check("deny b\nallow b\n", "b", "xb(b)^");
    }

    #[test]
    fn a_soft_dependency_is_left_out_with_what_it_needs() {
        check("softdep b pre: s\n", "b", "+c +t. +s. +b^");
        check("softdep b pre: s\ndeny t\n", "b", "+c xs(t). +b^");
        check("softdep b pre: t s\ndeny s\n", "b", "+c +t. xs(s). +b^");
        check("softdep b post: al-x end\ndeny a\n", "b", "+c +b^ xa(a). +c +b. +end.");
    }

    #[test]
    fn what_is_in_the_kernel_is_not_denied() {
        let world = world("deny c\ndeny t\nsoftdep b pre: s\n");
        let kernel = Recorder::new("6").with_loaded("c").with_loaded("s");
        let plan = |request| sketch(&world.plan(&kernel, "b", &request));
        assert_eq!(plan(Request::default()), "=c =s. +b^");
        assert_eq!(plan(Request { ignore_loaded: true, ..Request::default() }), "xb(c)^");
        let way_past = Request { ignore_loaded: true, ignore_deny: true, ..Request::default() };
        assert_eq!(plan(way_past), "+c +t. +s. +b^");
    }

    #[test]
    fn carrying_it_out_is_not_permitted() {
        let world = world("deny c\n");
        let kernel = Recorder::new("6");
        let plan = world.plan(&kernel, "a", &Request::default());
        let failure = execute(&plan, &kernel, &Shell::default(), &mut |_| {}).unwrap_err();
        assert!(matches!(failure, Failure::Denied));
        assert_eq!(failure.raw_os_error(), Errno::EPERM as i32);
        assert!(kernel.calls().is_empty());
    }
}
