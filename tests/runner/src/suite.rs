//! All cases on one program.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Mutex;

use crate::fake_kernel::FakeKernel;
use crate::root::Root;
use crate::sandbox::{Outcome, Run, Sandbox};
use crate::{Case, Program, Trouble, verdict};

/// What to run, and on which program.
#[derive(Debug, Clone)]
pub struct Suite<'a> {
    /// The program that is judged.
    pub program: &'a Program,
    /// Rewrite the expectations from what the program does: for komod its hints alone,
    /// which no original has.
    pub update: bool,
}

/// How one case ended.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// `TOOL/BEHAVIOUR`.
    pub case: String,
    /// What differs, or why it could not be run; `None`: it passes.
    pub failure: Option<String>,
}

impl Suite<'_> {
    /// Judges the program by `cases` (those that count for it), on every core.
    /// Verdicts come in the order of the cases.
    ///
    /// # Errors
    /// None so far.
    pub fn judge(&self, cases: &[Case]) -> Result<Vec<Verdict>, Trouble> {
        let counting =
            |case: &&Case| self.program.is_ours() || case.originals.contains(&self.program.name);
        let queue: VecDeque<_> = cases.iter().filter(counting).enumerate().collect();
        let queue = Mutex::new(queue);
        let verdicts = Mutex::new(Vec::new());
        let workers = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().ok().and_then(|mut queue| queue.pop_front());
                        let Some((at, case)) = next else { break };
                        let failure = match self.one(case) {
                            Ok(report) if report.is_empty() => None,
                            Ok(report) => Some(report),
                            Err(trouble) => Some(format!("  {trouble}\n")),
                        };
                        let verdict = Verdict { case: case.name.clone(), failure };
                        if let Ok(mut verdicts) = verdicts.lock() {
                            verdicts.push((at, verdict));
                        }
                    }
                });
            }
        });
        let mut verdicts = verdicts.into_inner().unwrap_or_else(|e| e.into_inner());
        verdicts.sort_by_key(|(at, _)| *at);
        Ok(verdicts.into_iter().map(|(_, verdict)| verdict).collect())
    }

    /// What differs in one case, with the first set of closed descriptors where
    /// something does.
    fn one(&self, case: &Case) -> Result<String, Trouble> {
        for closed in &case.closed {
            let report = self.with_closed(case, closed)?;
            if !report.is_empty() && case.closed.len() > 1 {
                return Ok(format!("  with {closed:?} closed\n{report}"));
            }
            if !report.is_empty() || self.update {
                return Ok(report);
            }
        }
        Ok(String::new())
    }

    fn with_closed(&self, case: &Case, closed: &[i32]) -> Result<String, Trouble> {
        let scratch = tempfile::Builder::new()
            .prefix("komod-case-")
            .tempdir_in(crate::scratch::directory())
            .map_err(|e| Trouble(format!("a scratch directory: {e}")))?;
        let (root, found) = run(self.program, case, closed, scratch.path())?;
        let ours = self.program.is_ours();
        if self.update && ours && closed.is_empty() {
            verdict::record_hints(case, &found)?;
            return Ok(String::new());
        }
        if self.update && !ours {
            verdict::record(case, &found, &root)?;
            return Ok(String::new());
        }
        let mut expected = case.expected_of(ours).clone();
        if !ours || closed.contains(&2) {
            expected.hints.clear();
        }
        if case.closed.len() > 1 {
            // Nothing can come of what is closed.
            for (fd, text) in [(1, &mut expected.stdout), (2, &mut expected.stderr)] {
                if closed.contains(&fd) {
                    text.clear();
                }
            }
        }
        verdict::differences(&expected, &found, &root)
    }
}

/// Builds the case's root in `scratch` and runs the tool in it.
fn run(
    program: &Program,
    case: &Case,
    closed: &[i32],
    scratch: &Path,
) -> Result<(std::path::PathBuf, Outcome), Trouble> {
    let root = scratch.join("root");
    std::fs::create_dir(&root).map_err(Trouble::io(&root))?;
    let tree = &case.tree;
    let root = root.canonicalize().map_err(Trouble::io(&root))?;
    let preparer = program.depmod.as_deref().unwrap_or(program);
    let images =
        Root::build(tree, &root, &case.dir, |args| prepare(preparer, args, tree, scratch))?;
    let sandbox = match case.script {
        None => Sandbox::furnish(&root, scratch, program)?,
        Some(_) => Sandbox::furnish_with_shell(&root, scratch, program)?,
    };
    let sandbox = if tree.without_dev { sandbox.without_dev()? } else { sandbox };
    let mut kernel = FakeKernel::new(&root, &tree.release, &tree.moods, &images);
    let own = case.env.iter().map(|(name, value)| (name.into(), value.into()));
    let run = Run {
        argv: case.argv.iter().map(OsString::from).collect(),
        script: case.script.as_ref().map(OsString::from),
        env: own.chain(path_variable()).collect(),
        stdin: case.stdin.clone(),
        closed: closed.to_vec(),
        output: case.output,
        powerless: tree.powerless,
    };
    let mut outcome = sandbox.run(&run, &mut kernel)?;
    outcome.calls = kernel.into_calls();
    Ok((root, outcome))
}

/// A `depmod` step of the tree, in a box of its own over the same root.
fn prepare(
    program: &Program,
    args: &[String],
    tree: &crate::Tree,
    scratch: &Path,
) -> Result<(), Trouble> {
    let root = scratch.join("root");
    let sandbox = Sandbox::furnish(&root, scratch, program)?;
    let mut kernel = FakeKernel::new(&root, &tree.release, &[], &[]);
    let argv = std::iter::once("depmod").chain(args.iter().map(String::as_str));
    let run = Run {
        argv: argv.map(OsString::from).collect(),
        env: path_variable().collect(),
        ..Run::default()
    };
    let outcome = sandbox.run(&run, &mut kernel)?;
    if outcome.status == 0 {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    Err(Trouble(format!("depmod of {} ended with {}: {said}", program.name, outcome.status)))
}

fn path_variable() -> impl Iterator<Item = (OsString, OsString)> {
    std::iter::once(("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into()))
}
