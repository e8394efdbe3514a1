//! What is told of a module: before it is loaded, and after it was refused.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use komod_config::{Config, Search};
use komod_explain::{Answer, Form, Question};
use komod_fixtures::ModuleSpec;
use komod_index::Builder;
use komod_kernel::Recorder;
use komod_probe::{Database, Force, Request, Resolver};
use komod_why::{Attempt, Finding, KernelFacts, Way, causes, ignored_parameters, preflight};
use tempfile::TempDir;

use crate::{Limits, Target, seeds};

pub const WHY: Target = Target {
    name: "why",
    reads: "a module, a configuration and the kernel's log, of which hints and explain tell",
    run: why,
    seeds: seeds::why,
    longest: 32 << 10,
    words: &[
        b"a: Unknown symbol ",
        b" (err -2)",
        b"a: disagrees about version of symbol ",
        b"a: version magic '",
        b"' should be '",
        b"' invalid for parameter `",
        b"Loading of module with unavailable key is rejected",
        b"vermagic=6.1.0-test SMP ",
        b"license=",
        b"parmtype=",
        b"import_ns=",
        b"softdep a pre: ",
        b"options a ",
        b"install b ",
        b"deny ",
    ],
    limits: Limits::PROMISED,
};

const RELEASE: &str = "6.1.0-test";

/// The errnos that kernels refuse modules with.
const ERRNOS: [i32; 16] = [1, 2, 4, 5, 8, 12, 13, 16, 17, 19, 22, 26, 27, 38, 74, 129];

/// A machine: modules `a`, which is the input's, `b` and `reference`, with indexes.
struct World {
    root: TempDir,
    module: PathBuf,
}

/// Inputs take turns in it.
static WORLD: Mutex<Option<World>> = Mutex::new(None);

impl World {
    fn new() -> io::Result<Self> {
        let root = TempDir::new()?;
        let module = root.path().join("lib/modules/6.1.0-test/kernel/a.ko");
        let world = Self { root, module };
        let own = |name: &str| {
            ModuleSpec::new(name)
                .modinfo("license", "GPL")
                .modinfo("intree", "Y")
                .modinfo("vermagic", "6.1.0-test SMP preempt mod_unload modversions ")
                .section(".gnu.linkonce.this_module", vec![0; 64])
                .version("module_layout", 0x1111)
                .needs("printk")
                .version("printk", 0x2222)
        };
        let dir = "lib/modules/6.1.0-test";
        world.file(&format!("{dir}/kernel/reference.ko"), &own("reference").build())?;
        let b = own("b").export("of_b", 5).build();
        world.file(&format!("{dir}/kernel/b.ko"), &b)?;
        let symvers = b"0x00002222\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n\
            0x00003333\tgpl_thing\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
            0x00004444\tspaced\tvmlinux\tEXPORT_SYMBOL\tSPACE\n";
        world.file(&format!("{dir}/build/Module.symvers"), symvers)?;
        let stat = b"7 (modprobe) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99999999999 1";
        world.file("proc/self/stat", stat)?;
        world.file(
            "proc/keys",
            b"1 I------ 1 perm 1f0b0000 0 0 asymmetri My key: 12: X509.rsa 5\n",
        )?;
        world.file("sys/module/compression", b"xz\n")?;
        let entries: [(&str, &[(&str, &str)]); 2] = [
            (
                "dep",
                &[
                    ("a", "kernel/a.ko: kernel/b.ko"),
                    ("b", "kernel/b.ko:"),
                    ("reference", "kernel/reference.ko:"),
                ],
            ),
            ("symbols", &[("symbol:of_b", "b")]),
        ];
        for (name, entries) in entries {
            let mut index = Builder::new();
            for (key, value) in entries {
                index.insert(key.as_bytes(), value.as_bytes(), 0).expect("plain keys");
            }
            let bytes = index.finish().expect("a small index");
            world.file(&format!("{dir}/modules.{name}.bin"), &bytes)?;
        }
        Ok(world)
    }

    fn file(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(path, bytes)
    }
}

/// A byte of choices; lines of configuration, then of the log, each up to a byte 0xff;
/// then the module.
fn why(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    let mut parts = rest.splitn(3, |byte| *byte == 0xff);
    let mut part = || parts.next().unwrap_or_default();
    let (config, log, module) = (part(), part(), part());
    let mut world = WORLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let world = world.get_or_insert_with(|| World::new().expect("a scratch directory"));
    let lines = log.split(|byte| *byte == b'\n');
    let records: Vec<u8> =
        lines.flat_map(|line| [b"6,1,5000000,-;", line, b"\n"].concat()).collect();
    world.file("dev/kmsg", &records).expect("a scratch directory");
    world.file("etc/modprobe.d/x.conf", config).expect("a scratch directory");
    fs::write(&world.module, module).expect("a scratch directory");
    look(world, *choice, config);
}

fn look(world: &World, choice: u8, parameters: &[u8]) {
    let root = world.root.path();
    let database = Database::new(root.join("lib/modules/6.1.0-test"));
    let release = OsStr::new(RELEASE);
    let facts = match choice & 1 {
        0 => KernelFacts::running(release, &database, root),
        _ => KernelFacts::other(release, &database, root),
    };
    let forced = choice & 2 == 2;
    let force = Force { modversions: forced, vermagic: forced };
    let way = Way { force, alone: choice & 4 == 4, parameters };
    tell(&preflight(&world.module, &facts, way));
    let errno = ERRNOS[usize::from(choice >> 4)];
    tell(&causes(Attempt { path: &world.module, errno, way }, &facts));
    tell(&ignored_parameters(&world.module, parameters, &facts));
    explain(world, &database, &facts, choice);
}

/// What is told is one line a finding, with nothing in it that moves a cursor.
fn tell(findings: &[Finding]) {
    for finding in findings {
        let text = finding.to_string();
        assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
        assert!(!finding.cause.id().is_empty());
    }
}

fn explain(world: &World, database: &Database, facts: &KernelFacts<'_>, choice: u8) {
    let search = Search::only(vec![world.root.path().join("etc/modprobe.d/x.conf")]);
    let config = Config::load(&search, None, None);
    let kernel = match choice & 8 {
        0 => Recorder::new(RELEASE),
        _ => Recorder::new(RELEASE).with_loaded("b"),
    };
    for query in ["a", "reference", "bb", "symbol:of_b", "./a.ko"] {
        let resolver = Resolver { database, config: &config };
        let targets = resolver.lookup(query.as_bytes()).unwrap_or_default();
        let question = Question {
            query: OsStr::new(query),
            request: Request::default(),
            resolver,
            kernel: &kernel,
            facts,
            words: |error| Cow::Owned(error.to_string()),
        };
        let answers = [Form::Text, Form::Json].map(|form| {
            let mut out = Vec::new();
            let answer = match targets.as_slice() {
                [] => question.unknown(form, &mut out).map(|()| Answer::No),
                targets => question.answer(targets, form, &mut out),
            };
            is_whole(form, &out);
            answer.expect("a vector takes everything")
        });
        assert!(answers[0] == answers[1], "one verdict in both forms");
    }
    assert!(kernel.calls().is_empty(), "explaining changes nothing");
}

fn is_whole(form: Form, out: &[u8]) {
    assert!(out.ends_with(b"\n"), "whole lines");
    let odd = |byte: &u8| byte.is_ascii_control() && *byte != b'\n';
    assert!(!out.iter().any(odd), "control characters");
    match form {
        Form::Text => assert!(out.windows(9).any(|word| word == b"verdict: ")),
        Form::Json => {
            let text = std::str::from_utf8(out).expect("JSON is UTF-8");
            for line in text.lines() {
                assert!(line.starts_with("{\"query\":") && line.ends_with('}'), "{line}");
                is_balanced(line);
            }
        }
    }
}

/// Every bracket outside strings has its other.
fn is_balanced(line: &str) {
    let (mut open, mut within, mut escaped) = (Vec::new(), false, false);
    for byte in line.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if within => escaped = true,
            b'"' => within = !within,
            _ if within => {}
            b'{' | b'[' => open.push(byte),
            b'}' => assert_eq!(open.pop(), Some(b'{'), "{line}"),
            b']' => assert_eq!(open.pop(), Some(b'['), "{line}"),
            _ => {}
        }
    }
    assert!(open.is_empty() && !within, "{line}");
}
