//! Definition, help, manual and completions name the same options: none of
//! them has one that another lacks.
#![allow(clippy::restriction)]

use std::collections::BTreeSet;
use std::fs;

use clap::Command;
use komod::cli;
use komod::tools::TOOLS;
use xtask::completions::{self, Entry, Opt, Tool};
use xtask::workspace::workspace;

/// Spellings of options, with `=` behind those that take a value.
type Options = BTreeSet<String>;

/// All texts that name the options of one tool.
#[derive(Clone)]
struct Texts {
    tool: &'static str,
    definition: Command,
    help: String,
    manual: String,
    bash: String,
    zsh: String,
    /// Of fish: its tables, and the lines that complete the tool by its own
    /// name and behind `kmod`.
    fish_specs: String,
    fish: Option<String>,
    fish_kmod: String,
}

impl Texts {
    fn of(tool: &komod::tools::Tool) -> Self {
        let definition = (tool.definition)();
        let files = completions::files(&completions::tools().unwrap());
        let file = |wanted: &str| {
            files.iter().find_map(|(name, entry)| match entry {
                Entry::Text(text) if name == wanted => Some(text.clone()),
                _ => None,
            })
        };
        let kmod = file("fish/vendor_completions.d/kmod.fish").unwrap();
        let page = match tool.name {
            "check" => "kmod-check",
            "list" | "static-nodes" => "kmod",
            "explain" => "kmod-explain",
            name => name,
        };
        let page = workspace().join(format!("man/{page}.8"));
        Self {
            tool: tool.name,
            help: definition.clone().render_help().to_string(),
            definition,
            manual: fs::read_to_string(page).unwrap(),
            bash: file("bash-completion/completions/kmod").unwrap(),
            zsh: file("zsh/site-functions/_kmod").unwrap(),
            fish_specs: kmod.clone(),
            fish: file(&format!("fish/vendor_completions.d/{}.fish", tool.name)),
            fish_kmod: kmod,
        }
    }

    /// What each text names.
    fn named(&self) -> Vec<(&'static str, Options)> {
        let tool = self.tool;
        let completed = self.fish.as_ref().filter(|_| tool != "kmod");
        let mut named = vec![
            ("definition", defined(&self.definition)),
            ("help", in_help(&self.help)),
            ("bash", in_bash(&self.bash, tool)),
            ("zsh", in_zsh(&self.zsh, tool)),
            ("fish's table", in_fish_specs(&self.fish_specs, tool)),
            (
                "kmod.fish",
                in_fish(
                    &self.fish_kmod,
                    &format!("complete -c kmod -n 'test (__komod_tool) = {tool}' "),
                ),
            ),
        ];
        named.extend(
            completed.map(|text| ("its fish", in_fish(text, &format!("complete -c {tool} ")))),
        );
        named
    }

    /// Every option that one text has and another lacks.
    fn disagreements(&self) -> Vec<String> {
        let mut found = Vec::new();
        let named = self.named();
        let all: Options = named.iter().flat_map(|(_, options)| options.clone()).collect();
        for (text, options) in &named {
            let lacks = all.difference(options);
            found.extend(lacks.map(|option| format!("{}: {text} lacks {option}", self.tool)));
        }
        // A page says whether there is a value in its own way, and may also
        // name what is hidden elsewhere; kmod's holds three tools.
        let manual = in_manual(&self.manual);
        let lacks = all.iter().filter(|option| !manual.contains(option.trim_end_matches('=')));
        found.extend(lacks.map(|option| format!("{}: the manual lacks {option}", self.tool)));
        let of_page: Vec<_> = match self.tool {
            "kmod" | "list" | "static-nodes" => ["kmod", "list", "static-nodes"].into(),
            tool => [tool].into(),
        };
        let others = TOOLS.iter().filter(|t| of_page.contains(&t.name) && t.name != self.tool);
        let others = others.map(|tool| (tool.definition)());
        let known: Options =
            others.chain([self.definition.clone()]).flat_map(|c| every_spelling(&c)).collect();
        let unknown = manual.difference(&known);
        found.extend(unknown.map(|option| format!("{}: the manual has {option}", self.tool)));
        found
    }
}

fn defined(definition: &Command) -> Options {
    let shown = definition.get_arguments().filter(|arg| !arg.is_hide_set());
    let mut found = Options::new();
    for arg in shown {
        let end = if arg.get_action().takes_values() { "=" } else { "" };
        let short = arg.get_short_and_visible_aliases().unwrap_or_default();
        let long = arg.get_long_and_visible_aliases().unwrap_or_default();
        found.extend(short.iter().map(|letter| format!("-{letter}{end}")));
        found.extend(long.iter().map(|word| format!("--{word}{end}")));
    }
    found
}

/// Also what is hidden.
fn every_spelling(definition: &Command) -> Options {
    let mut found = Options::new();
    for arg in definition.get_arguments() {
        let short = arg.get_short().into_iter();
        let short = short.chain(arg.get_all_short_aliases().unwrap_or_default());
        let long = arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default());
        found.extend(short.map(|letter| format!("-{letter}")));
        found.extend(long.map(|word| format!("--{word}")));
    }
    found
}

/// `  -R, --resolve-alias <X>  Text [alias: --show-alias]`.
fn in_help(help: &str) -> Options {
    let lines = help.lines().skip_while(|line| *line != "Options:").skip(1);
    let mut found = Options::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let line = line.trim_start();
        let (spellings, text) = line.split_once("  ").unwrap();
        let end = if spellings.ends_with('>') { "=" } else { "" };
        let aliases = text.split_once("[alias").and_then(|(_, rest)| rest.split_once(": "));
        let aliases = aliases.map_or("", |(_, rest)| rest.trim_end_matches(']'));
        let words = spellings.split([' ', ',']).chain(aliases.split([' ', ',']));
        let words = words.filter(|word| word.starts_with('-'));
        found.extend(words.map(|word| format!("{}{end}", word.trim_end_matches('.'))));
    }
    found
}

/// Of each `.It Fl` line every `Fl x` as `-x` and every `Fl Fl word` as `--word`.
fn in_manual(page: &str) -> Options {
    let mut found = Options::new();
    for line in page.lines().filter_map(|line| line.strip_prefix(".It Fl ")) {
        let mut dashes = 1;
        for word in line.split_whitespace() {
            match (word, dashes) {
                ("Fl", _) => dashes += 1,
                (_, 0) => {}
                (name, _) => {
                    found.insert("-".repeat(dashes) + name);
                    dashes = 0;
                }
            }
        }
    }
    found
}

/// What stands between two texts behind the tool's line in a `case`.
fn of_tool<'t>(script: &'t str, tool: &str, begin: &str, end: &str) -> &'t str {
    let (_, text) = script.split_once(&format!("\n    {tool})\n")).unwrap();
    let (_, text) = text.split_once(begin).unwrap();
    text.split_once(end).unwrap().0
}

fn in_bash(script: &str, tool: &str) -> Options {
    let mut found = Options::new();
    for line in of_tool(script, tool, "options='", "'").lines() {
        let mut words = line.split(' ').skip(1);
        let end = if words.next() == Some("-") { "" } else { "=" };
        found.extend(words.map(|word| format!("{word}{end}")));
    }
    found
}

/// `'(-S --set-version)-S+[...'` and `'*-v[...'`.
fn in_zsh(script: &str, tool: &str) -> Options {
    let specs = of_tool(script, tool, "specs=(\n", "\n        )");
    let words = specs.lines().map(|line| {
        let word = line.trim_start().split_once('[').unwrap().0;
        let word = word.rsplit_once(['*', ')']).unwrap().1;
        word.replace('+', "=")
    });
    words.collect()
}

/// `R/resolve-alias show-alias config=+`.
fn in_fish_specs(script: &str, tool: &str) -> Options {
    let (_, text) = script.split_once(&format!("        case {tool}\n")).unwrap();
    let specs = text.lines().next().unwrap().rsplit_once("-- '").unwrap().1;
    let mut found = Options::new();
    for spec in specs.trim_end_matches('\'').split(' ') {
        let (names, end) = spec.split_once('=').map_or((spec, ""), |(names, _)| (names, "="));
        for name in names.split('/') {
            let dashes = if name.len() == 1 { "-" } else { "--" };
            found.insert(format!("{dashes}{name}{end}"));
        }
    }
    found
}

/// `complete -c modprobe -s R -l resolve-alias -l show-alias -d '...'`.
fn in_fish(script: &str, prefix: &str) -> Options {
    let mut found = Options::new();
    for line in script.lines().filter_map(|line| line.strip_prefix(prefix)) {
        let names = line.split(" -d '").next().unwrap();
        let end = if names.contains(" -r") || names.contains(" -x") { "=" } else { "" };
        let words: Vec<_> = names.split(' ').collect();
        for pair in words.windows(2) {
            match pair {
                ["-s", letter] => found.insert(format!("-{letter}{end}")),
                ["-l", word] => found.insert(format!("--{word}{end}")),
                _ => false,
            };
        }
    }
    found
}

#[test]
fn all_texts_name_the_same_options() {
    for tool in TOOLS {
        let texts = Texts::of(tool);
        assert!(defined(&texts.definition).contains("--help"), "{}: no options", tool.name);
        assert_eq!(texts.disagreements(), [""; 0]);
    }
}

/// One text after another calls `--first-time` otherwise, or says of
/// `--dirname` that it takes no value.
#[test]
fn an_option_that_one_text_lacks_is_told() {
    let tool = TOOLS.iter().find(|tool| tool.name == "modprobe").unwrap();
    type Text = fn(&mut Texts) -> &mut String;
    let texts: &[(&str, Text, &str)] = &[
        ("help", |t| &mut t.help, "--dirname <DIR>"),
        ("the manual", |t| &mut t.manual, ""),
        ("bash", |t| &mut t.bash, "dirname directory"),
        ("zsh", |t| &mut t.zsh, "--dirname="),
        ("fish's table", |t| &mut t.fish_specs, "d/dirname="),
        ("kmod.fish", |t| &mut t.fish_kmod, "-l dirname -x "),
        ("its fish", |t| t.fish.as_mut().unwrap(), "-l dirname -x "),
    ];
    for (name, text, with_value) in texts {
        let mut spoilt = Texts::of(tool);
        *text(&mut spoilt) = text(&mut spoilt).replace("first-time", "last-time");
        let told = spoilt.disagreements();
        let lacks = format!("modprobe: {name} lacks --first-time");
        assert!(told.contains(&lacks), "{name}: {told:?}");
        assert!(told.iter().any(|line| line.contains("--last-time")), "{name}: {told:?}");
        if with_value.is_empty() {
            continue;
        }
        let mut spoilt = Texts::of(tool);
        let without = match *name {
            "help" => "--dirname      ",
            "bash" => "dirname -",
            "kmod.fish" | "its fish" => "-l dirname ",
            _ => with_value.trim_end_matches('='),
        };
        assert!(text(&mut spoilt).contains(with_value), "{name}");
        *text(&mut spoilt) = text(&mut spoilt).replace(with_value, without);
        let told = spoilt.disagreements();
        let lacks = format!("modprobe: {name} lacks --dirname=");
        assert!(told.contains(&lacks), "{name}: {told:?}");
    }
}

#[test]
fn an_option_that_only_the_definition_has_is_told() {
    let mut texts = Texts::of(TOOLS.iter().find(|tool| tool.name == "rmmod").unwrap());
    texts.definition = texts.definition.arg(cli::flag("new", "Something new").short('N').arg());
    let told = texts.disagreements();
    for text in ["help", "bash", "zsh", "fish's table", "kmod.fish", "its fish", "the manual"] {
        for option in ["--new", "-N"] {
            let line = format!("rmmod: {text} lacks {option}");
            assert!(told.contains(&line), "{line} is not in {told:?}");
        }
    }
}

#[test]
fn a_hidden_option_is_not_completed() {
    let tool = TOOLS.iter().find(|tool| tool.name == "insmod").unwrap();
    let completed = Tool::of(tool, &(tool.definition)()).unwrap();
    let spellings: Vec<_> = completed.options.iter().flat_map(Opt::spellings).collect();
    assert!(spellings.contains(&"-f".into()) && !spellings.contains(&"-p".into()), "{spellings:?}");
}

#[test]
fn a_value_or_a_tool_that_nobody_can_complete_is_an_error() {
    let tool = TOOLS.iter().find(|tool| tool.name == "rmmod").unwrap();
    let definition = (tool.definition)().arg(cli::value("colour", "COLOUR", "Its colour").arg());
    let error = Tool::of(tool, &definition).err().unwrap().to_string();
    assert!(error.contains("COLOUR"), "{error}");
    let stranger = komod::tools::Tool { name: "paint", ..*tool };
    let error = Tool::of(&stranger, &(tool.definition)()).err().unwrap().to_string();
    assert!(error.contains("paint"), "{error}");
}

#[test]
fn commands_and_formats_are_those_of_help_and_manual() {
    let texts = Texts::of(&TOOLS[0]);
    let mut commands: Vec<_> = TOOLS.iter().skip(1).map(|tool| tool.name.to_owned()).collect();
    commands.push("help".into());
    let formats = completions::formats();
    assert_eq!(formats, ["human", "tmpfiles", "devname"]);
    let items = texts.manual.lines().filter_map(|line| line.strip_prefix(".It Cm "));
    let documented: BTreeSet<_> = items.flat_map(|line| line.split(" , ")).collect();
    let here = commands.iter().chain(&formats).map(String::as_str).collect();
    assert_eq!(documented, here);
    let of_bash = texts.bash.split_once("_komod_commands='").unwrap().1.split('\'').next().unwrap();
    let of_help = texts.help.split_once("Commands:\n").unwrap().1;
    for command in &commands {
        assert!(of_bash.split(' ').any(|word| word == command), "bash: {command}");
        assert!(texts.zsh.contains(&format!("\n        '{command}:")), "zsh: {command}");
        assert!(texts.fish_kmod.contains(&format!("-f -a {command} -d ")), "fish: {command}");
        assert!(
            of_help.contains(&format!("\n  {command} "))
                || of_help.starts_with(&format!("  {command} ")),
            "help: {command}"
        );
    }
}

#[test]
fn option_lines_are_read_as_mdoc_means_them() {
    let page = ".It Fl C Ar path , Fl Fl config Ns = Ns Ar path\n\
                text of Fl x\n\
                .It Fl Fl first-time\n\
                .It Fl 0 , Fl Fl null\n\
                .It Cm Fl\n";
    let expected = ["--config", "--first-time", "--null", "-0", "-C"];
    assert_eq!(in_manual(page), expected.map(String::from).into());
}
