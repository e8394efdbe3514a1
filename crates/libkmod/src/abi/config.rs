//! The configuration's directives.

use super::guard;
use super::handle::{Held, Owned, Text};
use crate::{ConfigIter, Context, Kind};

fn of_kind(ctx: &Held<Context>, kind: Kind) -> Owned<ConfigIter> {
    guard(Owned::NULL, || match ctx.share() {
        Some(ctx) => Owned::of(ConfigIter::new(ctx, kind)),
        None => Owned::NULL,
    })
}

c_functions! {
    fn kmod_config_get_blacklists(ctx: Held<Context>) -> Owned<ConfigIter> {
        of_kind(&ctx, Kind::Blacklist)
    }

    fn kmod_config_get_install_commands(ctx: Held<Context>) -> Owned<ConfigIter> {
        of_kind(&ctx, Kind::Install)
    }

    fn kmod_config_get_remove_commands(ctx: Held<Context>) -> Owned<ConfigIter> {
        of_kind(&ctx, Kind::Remove)
    }

    fn kmod_config_get_aliases(ctx: Held<Context>) -> Owned<ConfigIter> {
        of_kind(&ctx, Kind::Alias)
    }

    fn kmod_config_get_options(ctx: Held<Context>) -> Owned<ConfigIter> {
        of_kind(&ctx, Kind::Options)
    }

    fn kmod_config_get_softdeps(ctx: Held<Context>) -> Owned<ConfigIter> {
        of_kind(&ctx, Kind::Softdep)
    }

    fn kmod_config_get_weakdeps(ctx: Held<Context>) -> Owned<ConfigIter> {
        of_kind(&ctx, Kind::Weakdep)
    }

    fn kmod_config_iter_get_key(iter: Owned<ConfigIter>) -> Text {
        guard(Text::NULL, || Text::of(iter.get().and_then(ConfigIter::key)))
    }

    fn kmod_config_iter_get_value(iter: Owned<ConfigIter>) -> Text {
        guard(Text::NULL, || Text::of(iter.get().and_then(ConfigIter::value)))
    }

    fn kmod_config_iter_next(iter: Owned<ConfigIter>) -> bool {
        guard(false, || iter.get().is_some_and(ConfigIter::advance))
    }

    fn kmod_config_iter_free_iter(iter: Owned<ConfigIter>) {
        guard((), || iter.end());
    }
}
