//! Contexts and their resources.

use std::ffi::{c_int, c_uint, c_void};
use std::fs::File;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use komod_kernel::Errno;

use super::handle::{Held, Text, Texts, descriptor};
use super::log::{Foreign, LogFn};
use super::{INVALID, NOTHING, guard, status};
use crate::{Context, Sink, Which};

/// Rust tells of a panic on standard error, which is not ours: it says nothing from the
/// first context on. This copy of Rust's library is this library's alone.
fn keep_panics_silent() {
    static SILENT: AtomicBool = AtomicBool::new(cfg!(test));
    if !SILENT.swap(true, Ordering::Relaxed) {
        std::panic::set_hook(Box::new(|_| {}));
    }
}

c_functions! {
    fn kmod_new(dirname: Text, config_paths: Texts) -> Held<Context> {
        guard(Held::NULL, || {
            keep_panics_silent();
            Context::new(dirname.bytes(), config_paths.paths()).map_or(Held::NULL, Held::of)
        })
    }

    fn kmod_ref(ctx: Held<Context>) -> Held<Context> {
        ctx.again()
    }

    fn kmod_unref(ctx: Held<Context>) -> Held<Context> {
        guard(Held::NULL, || ctx.release())
    }

    fn kmod_get_dirname(ctx: Held<Context>) -> Text {
        Text::of(ctx.get().map(Context::dirname))
    }

    fn kmod_set_log_fn(ctx: Held<Context>, function: Option<LogFn>, data: *const c_void) {
        guard((), || {
            let Some(ctx) = ctx.get() else { return };
            ctx.log.set_sink(match function {
                Some(function) => Sink::Listener(Rc::new(Foreign { function, data })),
                None => Sink::Nobody,
            });
        });
    }

    fn kmod_get_log_priority(ctx: Held<Context>) -> c_int {
        ctx.get().map_or(-1, |ctx| ctx.log.priority())
    }

    fn kmod_set_log_priority(ctx: Held<Context>, priority: c_int) {
        if let Some(ctx) = ctx.get() {
            ctx.log.set_priority(priority);
        }
    }

    fn kmod_get_userdata(ctx: Held<Context>) -> *const c_void {
        ctx.get().map_or(std::ptr::null(), |ctx| ctx.userdata.get())
    }

    fn kmod_set_userdata(ctx: Held<Context>, userdata: *const c_void) {
        if let Some(ctx) = ctx.get() {
            ctx.userdata.set(userdata);
        }
    }

    fn kmod_load_resources(ctx: Held<Context>) -> c_int {
        guard(INVALID, || ctx.get().map_or(NOTHING, |ctx| status(ctx.load_resources())))
    }

    fn kmod_unload_resources(ctx: Held<Context>) {
        guard((), || {
            if let Some(ctx) = ctx.get() {
                ctx.unload_resources();
            }
        });
    }

    fn kmod_validate_resources(ctx: Held<Context>) -> c_int {
        /// Make another.
        const MUST_RECREATE: c_int = 2;
        guard(MUST_RECREATE, || ctx.get().map_or(MUST_RECREATE, |ctx| ctx.changed() as c_int))
    }

    fn kmod_dump_index(ctx: Held<Context>, which: c_uint, fd: c_int) -> c_int {
        const ABSENT: c_int = -(Errno::ENOSYS as c_int);
        guard(INVALID, || {
            let Some(ctx) = ctx.get() else { return ABSENT };
            let which = match which {
                0 => Which::Dep,
                1 => Which::Alias,
                2 => Which::Symbols,
                3 => Which::BuiltinAlias,
                4 => Which::Builtin,
                _ => return NOTHING,
            };
            // A descriptor of our own, gone with the call.
            match descriptor(fd).and_then(|fd| fd.try_clone_to_owned().ok()) {
                Some(own) => status(ctx.dump_index(which, &mut File::from(own))),
                None => status(ctx.dump_index(which, &mut std::io::sink())),
            }
        })
    }
}
