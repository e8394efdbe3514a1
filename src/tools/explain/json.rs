//! An account as `kmod-json`(5) has it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::account::{About, Account, State};
use super::verdict::Answer;
use crate::json::Line;
use crate::tools::planned::{put_origin, put_steps, put_target};

/// Puts all members into `line`.
pub(super) fn put(account: &Account<'_>, query: &OsStr, line: &mut Line) {
    line.key("query").text(query.as_bytes());
    let target = &account.plan.target;
    line.key("target").object(|line| put_target(line, target, account.file.as_deref()));
    line.key("patterns").texts(account.patterns.iter().map(Vec::as_slice));
    put_state(account, line);
    match account.blacklist {
        Some(blacklist) => {
            line.key("blacklist").object(|line| put_origin(line, Some(&blacklist.origin)));
        }
        None => line.key("blacklist").null(),
    }
    put_steps(line, &account.plan, |line, at| {
        if let Some(about) = account.about.get(at) {
            put_about(about, line);
        }
    });
    line.key("weakdeps")
        .texts(account.weakdep.iter().flat_map(|line| line.weak.iter()).map(Vec::as_slice));
    line.key("preflight").maybe_text(account.preflight.as_deref().map(str::as_bytes));
    line.key("verdict").object(|line| {
        let answer: &[u8] = match account.verdict.answer {
            Answer::Yes => b"yes",
            Answer::No => b"no",
            Answer::Unknown => b"unknown",
        };
        line.key("answer").text(answer);
        line.key("text").text(account.verdict.text.as_bytes());
    });
}

fn put_state(account: &Account<'_>, line: &mut Line) {
    let word: &[u8] = match &account.state {
        State::Builtin => b"builtin",
        _ if !account.running => b"unknown",
        State::Loaded(..) => b"live",
        State::Coming => b"coming",
        State::Going => b"going",
        State::Absent => b"absent",
    };
    line.key("state").text(word);
}

fn put_about(about: &About<'_>, line: &mut Line) {
    line.key("uses").array(&about.uses, |line, one| {
        line.object(|line| {
            line.key("module").text(one.module.as_bytes());
            line.key("symbols").texts(one.symbols.iter().map(Vec::as_slice));
        });
    });
    match about.softdep {
        Some(softdep) => line.key("softdep").object(|line| {
            line.key("from_modules").flag(softdep.from_modules);
            put_origin(line, Some(&softdep.origin));
        }),
        None => line.key("softdep").null(),
    }
    line.key("parameters").array(&about.options, |line, (options, origin)| {
        line.object(|line| {
            line.key("options").text(options);
            put_origin(line, *origin);
        });
    });
    line.key("unreadable").maybe_text(about.unreadable.as_deref().map(str::as_bytes));
    line.key("findings").array(&about.findings, |line, finding| {
        line.object(|line| {
            line.key("cause").text(finding.cause.id().as_bytes());
            line.key("certain").flag(finding.doubt.is_none());
            line.key("text").text(finding.to_string().as_bytes());
        });
    });
}
