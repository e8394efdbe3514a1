use komod_probe::{Action, Plan};
use komod_why::{Cause, Finding};

use crate::account::About;
use komod_why::Denied;

/// Whether a module would be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It would, or is in the kernel.
    Yes,
    /// It would not.
    No,
    /// A command decides.
    Unknown,
}

/// The answer with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) answer: Answer,
    /// Whether the blacklist alone is the reason.
    held_back: bool,
    /// A sentence without its end.
    pub(crate) text: String,
}

impl Verdict {
    /// What comes of `plan`, where `about` has its place for each step.
    pub(crate) fn of(plan: &Plan, about: &[About<'_>]) -> Self {
        let name = &plan.target.name;
        let no = |why: String| Self {
            answer: Answer::No,
            held_back: false,
            text: format!("{name} would not be loaded: {why}"),
        };
        let mut undecided = None;
        let mut before = 0_u32;
        for (step, about) in plan.steps.iter().zip(about).filter(|(step, _)| step.required) {
            let module = &step.module;
            match &step.action {
                Action::Skipped { origin } => {
                    return Self { held_back: true, ..no(format!("blacklisted by {origin}")) };
                }
                Action::Denied { module, line } if *module == plan.target.name => {
                    return no(Denied(line).to_string());
                }
                Action::Denied { module, line } => {
                    return no(format!("it needs {module}, {}", Denied(line)));
                }
                Action::Missing if step.top => return no("it has no file".into()),
                Action::Missing => return no(format!("it needs {module}, which has no file")),
                Action::Run { command, origin, .. } => match fate(command) {
                    Some(ends) if step.top || ends == Fate::Fails => {
                        let command = String::from_utf8_lossy(command);
                        let what = if step.top { "it".into() } else { module.to_string() };
                        return no(format!("{origin} runs \"{command}\" in the place of {what}"));
                    }
                    Some(_) if about.uses.is_empty() => {}
                    Some(_) => {
                        let symbol = about.uses.iter().find_map(|one| one.symbols.first());
                        let symbol = String::from_utf8_lossy(symbol.map_or(b"", |it| it));
                        return no(format!("{origin} keeps {module} away, which has {symbol}"));
                    }
                    None => {
                        undecided.get_or_insert_with(|| {
                            format!("that is for the command of {origin} to decide")
                        });
                    }
                },
                Action::Load { .. } => {
                    if let Some(why) = &about.unreadable {
                        return no(why.clone());
                    }
                    if let Some(finding) = about.findings.iter().find(|it| fails(it)) {
                        let of = if step.top { String::new() } else { format!("{module}: ") };
                        return no(format!("{of}{finding}"));
                    }
                    before = before.saturating_add(u32::from(!step.top && about.again.is_none()));
                }
                Action::Builtin | Action::AlreadyLoaded => {}
            }
        }
        if let Some(why) = undecided {
            let text = format!("it cannot be told whether {name} would be loaded: {why}");
            return Self { answer: Answer::Unknown, held_back: false, text };
        }
        let top = plan.steps.iter().zip(about).find(|(step, _)| step.top);
        let text = match top.map(|(step, about)| (&step.action, about.builtin)) {
            Some((Action::Builtin | Action::AlreadyLoaded, true)) => {
                format!("{name} is built into the kernel")
            }
            Some((Action::AlreadyLoaded, false)) => format!("{name} is in the kernel already"),
            _ if before > 0 => format!("{name} would be loaded, behind {before} that it needs"),
            _ => format!("{name} would be loaded"),
        };
        Self { answer: Answer::Yes, held_back: false, text }
    }

    /// The answer for a text that stands for all of these modules: the worst, but what
    /// is held back counts only where nothing else is meant.
    pub(crate) fn of_all(verdicts: &[Self]) -> Answer {
        let mut others = verdicts.iter().filter(|verdict| !verdict.held_back).peekable();
        if others.peek().is_none() {
            return Answer::No;
        }
        let answers: Vec<Answer> = others.map(|verdict| verdict.answer).collect();
        let worst = [Answer::No, Answer::Unknown].into_iter().find(|it| answers.contains(it));
        worst.unwrap_or(Answer::Yes)
    }
}

/// Whether the module fails for it: the kernel passes over unknown parameters, and what it
/// does not unpack is unpacked here.
pub(crate) fn fails(finding: &Finding) -> bool {
    !matches!(
        finding.cause,
        Cause::ParameterUnknown { .. } | Cause::Decompressor { .. } | Cause::AlreadyLoaded { .. }
    )
}

/// What a command does for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Nothing,
    Fails,
}

/// `None` for a command that has to be run to know.
fn fate(command: &[u8]) -> Option<Fate> {
    let mut words = command.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let fate = match words.next()? {
        b"/bin/true" | b"/usr/bin/true" | b"true" | b":" => Fate::Nothing,
        b"/bin/false" | b"/usr/bin/false" | b"false" => Fate::Fails,
        _ => return None,
    };
    // What stands behind is passed over, unless a shell sees more in it than words.
    for word in words {
        if word.starts_with(b"#") {
            break;
        }
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_=./,".contains(byte);
        if word != b"$CMDLINE_OPTS" && !word.iter().all(plain) {
            return None;
        }
    }
    Some(fate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_do_nothing_are_known() {
        for (command, expected) in [
            ("/bin/true", Some(Fate::Nothing)),
            ("  /bin/false  ", Some(Fate::Fails)),
            ("/bin/false # CIS 1.1; not needed", Some(Fate::Fails)),
            ("/bin/true $CMDLINE_OPTS x=1", Some(Fate::Nothing)),
            (":", Some(Fate::Nothing)),
            ("/bin/true && modprobe x", None),
            ("/bin/false; modprobe x", None),
            ("/bin/false $(x)", None),
            ("/bin/truer", None),
            ("modprobe --ignore-install x", None),
            ("", None),
        ] {
            assert_eq!(fate(command.as_bytes()), expected, "{command}");
        }
    }

    #[test]
    fn what_is_held_back_counts_only_alone() {
        let one = |answer, held_back| Verdict { answer, held_back, text: String::new() };
        let (yes, held) = (one(Answer::Yes, false), one(Answer::No, true));
        let (no, unknown) = (one(Answer::No, false), one(Answer::Unknown, false));
        for (verdicts, expected) in [
            (vec![&yes], Answer::Yes),
            (vec![&held], Answer::No),
            (vec![&held, &yes], Answer::Yes),
            (vec![&held, &unknown], Answer::Unknown),
            (vec![&unknown, &yes], Answer::Unknown),
            (vec![&unknown, &no, &yes], Answer::No),
        ] {
            let verdicts: Vec<Verdict> = verdicts.into_iter().cloned().collect();
            assert_eq!(Verdict::of_all(&verdicts), expected, "{verdicts:?}");
        }
    }
}
