//! How a shell is asked what it proposes.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

use super::world::World;
use crate::outcome::Stop;
use crate::programs;

/// How long a shell may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The keys: insert all that is proposed; write the line to the file of
/// answers; forget the line.
const ALL: &str = "\x18a";
const ANSWER: &str = "\x18p";
const FORGET: &str = "\x18k";

const BASH: &str = r#"
stty cols 1000 rows 50
PS1='$ '
bind 'set bell-style none'
bind 'set enable-bracketed-paste off'
bind '"\C-xa": insert-completions'
bind '"\C-xk": kill-whole-line'
bind -x '"\C-xp": printf "%s\n" "$READLINE_LINE" >>../answers'
"#;

const ZSH: &str = r"
stty cols 1000 rows 50
PS1='$ '
bindkey -e
setopt no_beep
fpath=(../share/zsh/site-functions $fpath)
autoload -Uz compinit
compinit -u -D
all() { _main_complete; compstate[insert]=all }
zle -C all complete-word all
answer() { print -r -- $BUFFER >>../answers }
zle -N answer
bindkey '^Xa' all
bindkey '^Xp' answer
bindkey '^Xk' kill-whole-line
print >../answers
";

/// A shell on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// Bash that has read the script, and nothing else.
    Bash,
    /// Bash with the package bash-completion, which finds the script.
    BashWithPackage,
    /// Zsh that finds the script in its `fpath`.
    Zsh,
}

impl Shell {
    /// Its program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Bash | Self::BashWithPackage => "bash",
            Self::Zsh => "zsh",
        }
    }

    /// What it reads first.
    fn rc(self) -> String {
        match self {
            Self::Bash => {
                format!("{BASH}. ../share/bash-completion/completions/kmod\necho >../answers\n")
            }
            Self::BashWithPackage => {
                format!("{BASH}. /usr/share/bash-completion/bash_completion\necho >../answers\n")
            }
            Self::Zsh => ZSH.into(),
        }
    }
}

/// A shell that runs on a terminal of its own, until dropped.
pub struct Terminal {
    shell: Child,
    keys: ChildStdin,
    answers: PathBuf,
    log: PathBuf,
    answered: usize,
}

impl Terminal {
    /// Starts it and waits until it has read its first file.
    pub fn start(shell: Shell, world: &World) -> Result<Self, Stop> {
        let (answers, log) = (world.file("answers"), world.file("log"));
        let (rc, line) = match shell {
            Shell::Zsh => (".zshrc", "exec zsh -d -i"),
            _ => ("bashrc", "exec bash --noprofile --rcfile ../bashrc -i"),
        };
        let failed = || Stop::io(shell.program());
        std::fs::write(world.file(rc), shell.rc()).map_err(failed())?;
        std::fs::write(&answers, "").map_err(failed())?;
        let shown = File::create(&log).map_err(failed())?;
        let mut command = world.command("script");
        command.args(["-qec", line, "/dev/null"]).stdin(Stdio::piped());
        command.stderr(shown.try_clone().map_err(failed())?).stdout(shown);
        let mut shell = command.spawn().map_err(failed())?;
        let keys = shell.stdin.take().ok_or(Stop::Failed("no way to press keys".into()))?;
        let mut terminal = Self { shell, keys, answers, log, answered: 0 };
        terminal.answer()?;
        Ok(terminal)
    }

    /// All that is proposed for the last word of `line`.
    pub fn all(&mut self, line: &str) -> Result<Vec<String>, Stop> {
        let became = self.typed(line, ALL)?;
        let word = last_word(line);
        let head = &line[..line.len() - word.len()];
        let words = became.strip_prefix(head).unwrap_or(&became).split_whitespace();
        Ok(words.map(|found| value_of(word, found)).collect())
    }

    /// What `line` becomes by Tab.
    pub fn tab(&mut self, line: &str) -> Result<String, Stop> {
        self.typed(line, "\t")
    }

    fn typed(&mut self, line: &str, key: &str) -> Result<String, Stop> {
        let keys = [line, key, ANSWER].concat();
        self.press(&keys)?;
        let became = self.answer()?;
        self.press(FORGET)?;
        Ok(became)
    }

    fn press(&mut self, keys: &str) -> Result<(), Stop> {
        let keys = keys.as_bytes();
        self.keys.write_all(keys).and_then(|()| self.keys.flush()).map_err(Stop::io("the terminal"))
    }

    /// The next line of the file of answers.
    fn answer(&mut self) -> Result<String, Stop> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let text = std::fs::read_to_string(&self.answers).unwrap_or_default();
            let mut lines = text.split_inclusive('\n').skip(self.answered);
            if let Some(line) = lines.next().and_then(|line| line.strip_suffix('\n')) {
                self.answered += 1;
                return Ok(line.to_owned());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        Err(Stop::Failed(format!("the shell does not answer; its terminal shows: {log:?}")))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// All that fish proposes for the last word of `line`.
pub fn ask_fish(world: &World, line: &str) -> Result<Vec<String>, Stop> {
    let mut fish = world.command("fish");
    let said = programs::text(fish.args(["-c", "complete -C $argv[1]", line]))?;
    let word = last_word(line);
    let found = said.lines().map(|found| found.split('\t').next().unwrap_or(found));
    Ok(found.map(|found| value_of(word, found)).collect())
}

/// What stands behind the last blank.
fn last_word(line: &str) -> &str {
    line.rsplit(' ').next().unwrap_or(line)
}

/// A proposal without the option in whose word it stands: `--a=b` where `--a=`
/// is typed is `b`.
fn value_of(word: &str, found: &str) -> String {
    let option = word.rfind('=').map_or("", |at| &word[..=at]);
    found.strip_prefix(option).unwrap_or(found).to_owned()
}
