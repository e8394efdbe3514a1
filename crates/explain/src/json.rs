use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::account::{About, Account, State};
use crate::text::NOTHING;
use crate::verdict::Answer;
use komod_json::{Line, put_origin, put_steps, put_target};
use komod_why::Finding;

/// Puts all members into `line`.
pub(crate) fn put(account: &Account<'_>, query: &OsStr, line: &mut Line) {
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
    put_verdict(line, account.verdict.answer, account.verdict.text.as_bytes());
    put_findings(line.key("problems"), &[]);
    line.key("nearest").texts([]);
}

/// The same of an operand that stands for nothing.
pub(crate) fn put_unknown(query: &OsStr, findings: &[Finding], near: &[Vec<u8>], line: &mut Line) {
    line.key("query").text(query.as_bytes());
    line.key("target").null();
    line.key("patterns").texts([]);
    line.key("state").text(b"unknown");
    line.key("blacklist").null();
    line.key("steps").texts([]);
    line.key("weakdeps").texts([]);
    line.key("preflight").null();
    put_verdict(line, Answer::No, &[query.as_bytes(), NOTHING].concat());
    put_findings(line.key("problems"), findings);
    line.key("nearest").texts(near.iter().map(Vec::as_slice));
}

fn put_verdict(line: &mut Line, answer: Answer, text: &[u8]) {
    let answer: &[u8] = match answer {
        Answer::Yes => b"yes",
        Answer::No => b"no",
        Answer::Unknown => b"unknown",
    };
    line.key("verdict").object(|line| {
        line.key("answer").text(answer);
        line.key("text").text(text);
    });
}

fn put_findings(line: &mut Line, findings: &[Finding]) {
    line.array(findings, |line, finding| {
        line.object(|line| {
            line.key("cause").text(finding.cause.id().as_bytes());
            line.key("certain").flag(finding.doubt.is_none());
            line.key("text").text(finding.to_string().as_bytes());
        });
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
    put_findings(line.key("findings"), &about.findings);
}
