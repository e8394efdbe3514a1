use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, Write};

use komod_json::Line;
use komod_kernel::Kernel;
use komod_probe::{Request, Resolver, Target};
use komod_why::KernelFacts;

use crate::account::Account;
use crate::verdict::{Answer, Verdict};
use crate::{json, text};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people: a fact a line.
    Text,
    /// For programs: an object a line.
    Json,
}

/// What is asked.
pub struct Question<'a> {
    /// The operand.
    pub query: &'a OsStr,
    /// As `modprobe` would load it.
    pub request: Request,
    /// The configuration and the indexes.
    pub resolver: Resolver<'a>,
    /// What is loaded.
    pub kernel: &'a dyn Kernel,
    /// What is known of the kernel that is to take the modules.
    pub facts: &'a KernelFacts<'a>,
    /// The words for an error of the system.
    pub words: fn(&io::Error) -> Cow<'static, str>,
}

impl Question<'_> {
    /// Tells of each of `targets`, which the operand stands for; a module that several
    /// patterns led to is told of once. An error is that of `out`.
    #[inline(never)] // it would be built for speed where it is called
    pub fn answer(
        &self,
        targets: &[Target],
        form: Form,
        out: &mut dyn Write,
    ) -> io::Result<Answer> {
        let mut distinct: Vec<&Target> = Vec::new();
        for target in targets {
            if !distinct.contains(&target) {
                distinct.push(target);
            }
        }
        let mut verdicts: Vec<Verdict> = Vec::new();
        let mut line = Line::new();
        for target in distinct {
            let account = Account::of(self, target);
            if form == Form::Json {
                json::put(&account, self.query, &mut line);
                line.write(out)?;
            } else {
                if !verdicts.is_empty() {
                    out.write_all(b"\n")?;
                }
                text::write(&account, self.query, out)?;
            }
            verdicts.push(account.verdict);
        }
        let answer = Verdict::of_all(&verdicts);
        if verdicts.len() > 1 && form == Form::Text {
            let (shown, all) = (self.query.to_string_lossy(), verdicts.len());
            let well = verdicts.iter().filter(|verdict| verdict.answer == Answer::Yes).count();
            writeln!(out, "\nverdict: {shown}: {well} of {all} modules")?;
        }
        Ok(answer)
    }

    /// Tells that the operand stands for nothing: why, and which names are near. The
    /// answer is [`Answer::No`]. An error is that of `out`.
    #[inline(never)] // it would be built for speed where it is called
    pub fn unknown(&self, form: Form, out: &mut dyn Write) -> io::Result<()> {
        let name = self.query.as_encoded_bytes();
        let is_path = name.starts_with(b"/") || name.starts_with(b"./");
        let (findings, near) = match is_path {
            true => Default::default(),
            false => {
                (komod_why::unknown_name(name, self.facts), komod_why::near_names(name, self.facts))
            }
        };
        match form {
            Form::Json => {
                let mut line = Line::new();
                json::put_unknown(self.query, &findings, &near, &mut line);
                line.write(out)
            }
            Form::Text => text::write_unknown(self.query, &findings, &near, out),
        }
    }
}
