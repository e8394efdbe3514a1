use std::path::Path;

use komod_kernel::{Errno, InitState, Kernel};
use komod_name::ModuleName;

use crate::load::load_file;
use crate::{Action, CommandLine, Commands, LoadError, Plan, Status, Step};

/// What happens while a plan is carried out, for those who want to tell.
#[derive(Debug)]
pub enum Event<'a> {
    /// This step is tried next. A step whose module is loaded by now is not.
    Starting(&'a Step),
    /// There is no file for this module.
    NoFile(&'a ModuleName),
    /// The kernel refused the compressed file, which decompresses well here:
    /// it is tried again from memory.
    FromMemory {
        /// The module's file.
        path: &'a Path,
    },
    /// The kernel decompresses module files with an algorithm of this name,
    /// which is none that we know: the file is decompressed here.
    UnknownCompression(&'a [u8]),
    /// A file did not get into the kernel.
    LoadFailed(&'a LoadError),
    /// An `install` command did not succeed.
    CommandFailed {
        /// The module it ran for.
        module: &'a ModuleName,
        /// The command, its options put in.
        command: &'a [u8],
        /// How it ended.
        status: &'a Status,
    },
}

/// Why a plan was not carried out to its end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The module asked for is in the kernel already, and should not be.
    #[error("already in the kernel")]
    AlreadyLoaded,
    /// There is no file for a module.
    #[error("no file for module {0}")]
    Missing(ModuleName),
    /// A `deny` line forbids the module, or what it needs.
    #[error("denied")]
    Denied,
    /// A file did not get into the kernel.
    #[error(transparent)]
    Load(LoadError),
    /// An `install` command did not succeed.
    #[error("the install command of module {0} failed")]
    Command(ModuleName),
}

impl Failure {
    /// The reason as errno, as kmod reports it.
    pub fn raw_os_error(&self) -> i32 {
        match self {
            Failure::AlreadyLoaded => Errno::EEXIST as i32,
            Failure::Denied => Errno::EPERM as i32,
            Failure::Missing(_) => Errno::ENOENT as i32,
            Failure::Load(error) => error.raw_os_error(),
            Failure::Command(_) => Errno::EINVAL as i32,
        }
    }
}

/// Carries `plan` out: tries its steps in order and asks again before each
/// whether the module is loaded by now. `commands` runs the `install` commands.
///
/// A step that is not required may fail. What was loaded stays loaded when a
/// later step fails.
///
/// # Errors
/// The first failure of a required step. That a module turns out to be loaded
/// already is one only for the module asked for, and only where the plan says
/// so.
pub fn execute(
    plan: &Plan,
    kernel: &dyn Kernel,
    commands: &dyn Commands,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<(), Failure> {
    for step in &plan.steps {
        let result = match attempt(step, plan, kernel, commands, observe) {
            Err(failure) if failure.raw_os_error() == Errno::EEXIST as i32 => {
                if step.top && plan.first_time { Err(Failure::AlreadyLoaded) } else { Ok(()) }
            }
            Err(_) if !step.required => Ok(()),
            other => other,
        };
        result?;
    }
    Ok(())
}

fn attempt(
    step: &Step,
    plan: &Plan,
    kernel: &dyn Kernel,
    commands: &dyn Commands,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<(), Failure> {
    match step.action {
        Action::Skipped { .. } => return Ok(()),
        Action::Denied { .. } => return Err(Failure::Denied),
        Action::Builtin | Action::AlreadyLoaded => return Err(Failure::AlreadyLoaded),
        _ => {}
    }
    let name = &step.module;
    let is_live = || matches!(kernel.state(name.as_bytes()), Ok(Some(InitState::Live)));
    if !plan.ignore_loaded && is_live() {
        return Err(Failure::AlreadyLoaded);
    }
    observe(Event::Starting(step));
    match &step.action {
        Action::Load { path, options } => {
            load_file(kernel, path, options, plan.force, observe).map_err(Failure::Load)
        }
        Action::Run { command, options, .. } => {
            let command = CommandLine::new(command, options);
            match commands.run(&command, name) {
                Status::Success => Ok(()),
                status => {
                    let command = command.text.as_slice();
                    observe(Event::CommandFailed { module: name, command, status: &status });
                    Err(Failure::Command(name.clone()))
                }
            }
        }
        _ => {
            observe(Event::NoFile(name));
            Err(Failure::Missing(name.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use komod_fixtures::ModuleSpec;
    use komod_kernel::{Call, Recorder};

    use super::*;
    use crate::world::World;
    use crate::{Force, Request, Shell};

    const DEP: [&str; 4] = ["a.ko: b.ko c.ko", "b.ko: c.ko", "c.ko:", "s.ko:"];

    /// Carries the plan for `text` out; returns its result's errno (0 for
    /// success) and what was told.
    fn run(world: &World, kernel: &Recorder, text: &str, request: &Request) -> (i32, Vec<String>) {
        let plan = world.plan(kernel, text, request);
        let mut told = Vec::new();
        let result = execute(&plan, kernel, &Shell::default(), &mut |event| {
            told.push(match event {
                Event::Starting(step) => format!("start {}", step.module),
                Event::NoFile(module) => format!("no file {module}"),
                Event::FromMemory { .. } => "from memory".into(),
                Event::UnknownCompression(_) => "unknown compression".into(),
                Event::LoadFailed(error) => format!("failed {}", error.raw_os_error()),
                Event::CommandFailed { module, command, status } => {
                    let command = String::from_utf8_lossy(command);
                    format!("command {module} {command} {status:?}")
                }
            });
        });
        (result.map_or_else(|failure| failure.raw_os_error(), |()| 0), told)
    }

    fn world(config: &str) -> World {
        World::new(&DEP, &[], &["built"], &format!("{config}softdep a pre: nobody\n"))
    }

    fn finit(file: &str, params: &str) -> Call {
        Call::Finit(file.into(), params.into(), 0)
    }

    const ENOENT: i32 = Errno::ENOENT as i32;
    const EEXIST: i32 = Errno::EEXIST as i32;
    const EINVAL: i32 = Errno::EINVAL as i32;

    #[test]
    fn files_go_in_deepest_first_with_their_options() {
        let world = world("options b x=1\n");
        let kernel = Recorder::new("6");
        let request = Request { options: b"y=\"1 2\"".to_vec(), ..Request::default() };
        let (errno, told) = run(&world, &kernel, "a", &request);
        assert_eq!((errno, told), (0, vec!["start c".into(), "start b".into(), "start a".into()]));
        let expected = [finit("c.ko", ""), finit("b.ko", "x=1 "), finit("a.ko", "y=\"1 2\"")];
        assert_eq!(kernel.calls(), expected);
    }

    #[test]
    fn force_goes_to_every_file() {
        let world = world("");
        let kernel = Recorder::new("6");
        let force = Force { modversions: false, vermagic: true };
        run(&world, &kernel, "b", &Request { force, ..Request::default() });
        let expected = ["c.ko", "b.ko"].map(|file| Call::Finit(file.into(), String::new(), 2));
        assert_eq!(kernel.calls(), expected);
    }

    #[test]
    fn a_module_that_stands_there_twice_is_loaded_once() {
        let world = world("softdep c pre: b\n");
        let kernel = Recorder::new("6");
        let (errno, told) = run(&world, &kernel, "a", &Request::default());
        assert_eq!(errno, 0);
        assert_eq!(told, ["start c", "start b", "start a"]);
    }

    #[test]
    fn a_required_failure_ends_it_and_a_soft_one_does_not() {
        let world = world("softdep b pre: s\n");
        let kernel = Recorder::new("6").refusing("s", Errno::ENODEV, 1);
        assert_eq!(run(&world, &kernel, "b", &Request::default()).0, 0);
        assert_eq!(kernel.calls().len(), 3);
        let kernel = Recorder::new("6").refusing("c", Errno::ENODEV, 1);
        let (errno, told) = run(&world, &kernel, "b", &Request::default());
        let failed = format!("failed {errno}");
        assert_eq!((errno, told), (Errno::ENODEV as i32, vec!["start c".into(), failed]));
    }

    #[test]
    fn that_somebody_else_was_faster_is_an_error_only_the_first_time() {
        let world = world("");
        let any = Request::default();
        let first = Request { first_time: true, ..Request::default() };
        let refusing = |name| Recorder::new("6").refusing(name, Errno::EEXIST, 1);
        assert_eq!(run(&world, &refusing("b"), "b", &any).0, 0);
        assert_eq!(run(&world, &refusing("b"), "b", &first).0, EEXIST);
        assert_eq!(run(&world, &refusing("c"), "b", &first).0, 0);
        let loaded = Recorder::new("6").with_loaded("b");
        assert_eq!(run(&world, &loaded, "b", &any), (0, vec![]));
        assert_eq!(run(&world, &loaded, "b", &first), (EEXIST, vec![]));
        assert_eq!(run(&world, &loaded, "built", &first).0, EEXIST);
        assert!(loaded.calls().is_empty());
    }

    #[test]
    fn what_is_missing_fails() {
        let world = world("remove gone true\nsoftdep c pre: gone\n");
        let kernel = Recorder::new("6");
        let (errno, told) = run(&world, &kernel, "gone", &Request::default());
        assert_eq!((errno, told), (ENOENT, vec!["start gone".into(), "no file gone".into()]));
        assert_eq!(run(&world, &kernel, "c", &Request::default()).0, 0);
        std::fs::remove_file(world.path("s.ko")).unwrap();
        assert_eq!(run(&world, &kernel, "s", &Request::default()).0, ENOENT);
    }

    #[test]
    fn commands_run_in_their_place_and_must_succeed() {
        let world = world(
            "install c test \"$MODPROBE_MODULE\" = c && test '$CMDLINE_OPTS' = 'x=1 '\n\
             options c x=1\ninstall s kill -9 $$\ninstall a exit 3; $CMDLINE_OPTS\n",
        );
        let kernel = Recorder::new("6");
        assert_eq!(run(&world, &kernel, "b", &Request::default()).0, 0);
        assert_eq!(kernel.calls(), [finit("b.ko", "")]);
        let killed = vec!["start s".into(), "command s kill -9 $$ Signal(9)".into()];
        assert_eq!(run(&world, &kernel, "s", &Request::default()), (EINVAL, killed));
        let request = Request { options: b"o".to_vec(), ..Request::default() };
        let (errno, told) = run(&world, &kernel, "a", &request);
        assert_eq!(errno, EINVAL);
        assert_eq!(told.last().unwrap(), "command a exit 3; o Exit(3)");
    }

    #[test]
    fn what_the_blacklist_holds_back_is_no_failure() {
        let world = world("blacklist b\nalias x b\n");
        let kernel = Recorder::new("6");
        let request = Request { first_time: true, ..Request::default() };
        assert_eq!(run(&world, &kernel, "x", &request), (0, vec![]));
    }

    mod loading {
        use komod_fixtures::{Packing, pack};

        use super::*;

        const XZ: [&str; 1] = ["x.ko.xz:"];

        fn image() -> Vec<u8> {
            ModuleSpec::new("x").build()
        }

        fn force() -> Request {
            let force = Force { modversions: true, vermagic: true };
            Request { force, ..Request::default() }
        }

        #[test]
        fn the_kernels_own_compression_goes_in_as_it_is() {
            let world = World::new(&XZ, &[], &[], "");
            let kernel = Recorder::new("6").with_compression("xz");
            assert_eq!(run(&world, &kernel, "x", &force()).0, 0);
            assert_eq!(kernel.calls(), [Call::Finit("x.ko.xz".into(), String::new(), 7)]);
        }

        #[test]
        fn any_other_is_unpacked_here() {
            let world = World::new(&XZ, &[], &[], "");
            let none = Recorder::new("6");
            let other = Recorder::new("6").with_compression("zstd");
            let unknown = Recorder::new("6").with_compression("lzma");
            for (kernel, told) in [(none, 1), (other, 1), (unknown, 2)] {
                let (errno, all) = run(&world, &kernel, "x", &Request::default());
                assert_eq!((errno, all.len()), (0, told), "{all:?}");
                assert_eq!(kernel.calls(), [Call::Init(image(), String::new())]);
            }
        }

        #[test]
        fn a_kernel_that_takes_no_files_gets_the_image() {
            let world = World::new(&["x.ko:"], &[], &[], "");
            let kernel = Recorder::new("6").refusing("x", Errno::ENOSYS, 1);
            assert_eq!(run(&world, &kernel, "x", &Request::default()).0, 0);
            assert_eq!(kernel.calls(), [finit("x.ko", ""), Call::Init(image(), String::new())]);
        }

        #[test]
        fn what_is_forced_is_stripped_from_an_image() {
            let spec = ModuleSpec::new("x").version("f", 1).modinfo("vermagic", "6.1 SMP");
            let world = World::new(&["x.ko:"], &[], &[], "");
            std::fs::write(world.path("x.ko"), spec.build()).unwrap();
            let mut stripped = spec.build();
            komod_elf::strip_modversions(&mut stripped).unwrap();
            komod_elf::strip_vermagic(&mut stripped).unwrap();
            assert_ne!(stripped, spec.build());
            let kernel = Recorder::new("6").refusing("x", Errno::ENOSYS, 1);
            assert_eq!(run(&world, &kernel, "x", &force()).0, 0);
            assert_eq!(kernel.calls().last(), Some(&Call::Init(stripped, String::new())));
        }

        /// A file that the kernel's decompressor may refuse.
        fn odd(world: &World, packing: Packing) -> Vec<u8> {
            let packed = pack(&image(), packing);
            std::fs::write(world.path("x.ko.xz"), &packed).unwrap();
            packed
        }

        fn refusing(errno: Errno) -> Recorder {
            Recorder::new("6").with_compression("xz").refusing("x", errno, 1)
        }

        #[test]
        fn what_the_kernel_cannot_unpack_is_tried_again_from_memory() {
            let world = World::new(&XZ, &[], &[], "");
            for packing in [Packing::XzCrc64, Packing::XzWide, Packing::XzTwoStreams] {
                odd(&world, packing);
                for errno in [Errno::EINVAL, Errno::ENOEXEC] {
                    let kernel = refusing(errno);
                    let (errno, told) = run(&world, &kernel, "x", &Request::default());
                    assert_eq!((errno, told), (0, vec!["start x".into(), "from memory".into()]));
                    assert_eq!(
                        kernel.calls(),
                        [
                            Call::Finit("x.ko.xz".into(), String::new(), 4),
                            Call::Init(image(), String::new())
                        ]
                    );
                }
            }
            // The second refusal is the one that counts.
            let kernel = refusing(Errno::EINVAL).refusing("?", Errno::EPERM, 1);
            assert_eq!(run(&world, &kernel, "x", &Request::default()).0, Errno::EPERM as i32);
            // Other errors are final.
            let kernel = refusing(Errno::EKEYREJECTED);
            let errno = run(&world, &kernel, "x", &Request::default()).0;
            assert_eq!((errno, kernel.calls().len()), (Errno::EKEYREJECTED as i32, 1));
        }

        #[test]
        fn what_the_kernel_can_unpack_is_initialised_once() {
            let world = World::new(&XZ, &[], &[], "");
            for errno in [Errno::EINVAL, Errno::ENOEXEC] {
                let kernel = refusing(errno);
                let (found, told) = run(&world, &kernel, "x", &Request::default());
                let failed = format!("failed {}", errno as i32);
                assert_eq!((found, told), (errno as i32, vec!["start x".into(), failed]));
                assert_eq!(kernel.calls(), [Call::Finit("x.ko.xz".into(), String::new(), 4)]);
            }
        }

        #[test]
        fn a_file_that_is_broken_is_not_tried_again() {
            let world = World::new(&XZ, &[], &[], "");
            let whole = odd(&world, Packing::XzCrc64);
            for end in [0, 5, 6, 40, whole.len() - 1] {
                std::fs::write(world.path("x.ko.xz"), &whole[..end]).unwrap();
                let kernel = refusing(Errno::EINVAL);
                let (errno, told) = run(&world, &kernel, "x", &Request::default());
                assert_eq!(errno, EINVAL, "{end}");
                assert!(!told.contains(&"from memory".into()));
                // Without the kernel's help likewise.
                assert_eq!(run(&world, &Recorder::new("6"), "x", &Request::default()).0, EINVAL);
            }
        }

        #[test]
        fn a_plain_file_that_is_refused_is_not_tried_again() {
            let world = World::new(&["x.ko:"], &[], &[], "");
            let kernel = Recorder::new("6").refusing("x", Errno::EINVAL, 1);
            assert_eq!(run(&world, &kernel, "x", &Request::default()).0, EINVAL);
            assert_eq!(kernel.calls().len(), 1);
        }

        #[test]
        fn parameters_end_at_a_nul() {
            let world = World::new(&["x.ko:"], &[], &[], "");
            let kernel = Recorder::new("6");
            let request = Request { options: b"a=1\0b".to_vec(), ..Request::default() };
            assert_eq!(run(&world, &kernel, "x", &request).0, 0);
            assert_eq!(kernel.calls(), [finit("x.ko", "a=1")]);
        }
    }
}
