# The words behind kmod and its own options, or behind another tool's name.
function __komod_words
    set -l words (commandline -opc)
    set -l program (string replace -r '.*/' '' -- $words[1])
    set -e words[1]
    if test "$program" = kmod
        while string match -q -- '-*' $words[1]
            set -e words[1]
        end
        set program $words[1] kmod
        set -e words[1]
    end
    printf '%s\n' $program[1] $words
end

# The tool whose words are typed.
function __komod_tool
    set -l words (__komod_words)
    echo $words[1]
end

# Prints the value of an option already typed; fails if there is none.
function __komod_given
    set -l name _flag_(string replace -a - _ -- $argv[1])
    set -l words (__komod_words)
    # An option at the end takes the empty word for its value.
    argparse -i (__komod_specs $words[1]) -- $words[2..] '' 2>/dev/null
    set -q $name; or return
    set -l value $$name
    test -n "$value[-1]"; and string replace -r '^~/' $HOME/ -- $value[-1]
    return 0
end

# Prints the operands already typed.
function __komod_arguments
    set -l words (__komod_words)
    argparse -i (__komod_specs $words[1]) -- $words[2..] '' 2>/dev/null
    string match -v -- '' $argv
end

# The directory of all kernels' modules.
function __komod_directory
    set -l base (__komod_given dirname; or __komod_given basedir)
    set -l below (__komod_given moduledir); or set below lib/modules
    echo $base[1]/$below[1]
end

function __komod_versions
    string match -r '[^/]+(?=/$)' -- (__komod_directory)/*/
end

# What is typed of a file, without the option that it is the value of.
function __komod_typed
    commandline -ct | string replace -r -- '^-[^=]*=' ''
end

function __komod_directories
    complete -C "'' "(__komod_typed) | string match -r '.*/(?=\t|$)'
end

function __komod_files
    complete -C "'' "(__komod_typed) | string replace -r '\t.*' '' |
        string match -r '.*/$|.*\.ko$|.*\.ko\.gz$|.*\.ko\.xz$|.*\.ko\.zst$'
end

# Prints names of modules as they go on from what is typed, where - and _ are one.
function __komod_names
    set -l typed (commandline -ct)
    if not string match -q -- '*-*' "$typed"
        cat
        return
    end
    set -l same (string replace -a - _ -- $typed)
    set -l rest (math (string length -- $typed) + 1)
    while read -l name
        string match -q -- "$same*" $name; and echo $typed(string sub -s $rest -- $name)
    end
end

# Modules of the kernel version typed, from these of its files.
function __komod_installed
    set -l release (__komod_given set-version)
    test -n "$release"; or set release (uname -r)
    set -l files
    for file in (__komod_directory)/$release/$argv
        test -r $file; and set -a files $file
    end
    test -n "$files"; or return
    LC_ALL=C sed -e 's/:.*//' -e 's/.*\///' -e 's/\.ko.*//' -e 'y/-/_/' -- $files | __komod_names
end

function __komod_loaded
    test -r /proc/modules; or return
    string replace -r ' .*' '' </proc/modules | __komod_names
end

# The parameters of the module typed first.
function __komod_parameters
    set -l operands (__komod_arguments)
    set -l words -0 -p
    set -l value (__komod_given dirname); and set -a words -b $value
    set -l value (__komod_given set-version); and set -a words -k $value
    set -lx PATH $PATH /usr/sbin /sbin
    # Descriptions may have more than one line, and names are out of a file.
    command modinfo $words -- (string replace -r '^~/' $HOME/ -- $operands[1]) 2>/dev/null |
        tr '\n\0' ' \n' | tr -d '\001-\011\013-\037' |
        string replace -fr '^([A-Za-z0-9_.-]+):(.*)' '$1=\t$2'
end

function __komod_none
end

# Its commands are listed one by one.
function __komod_command
end

function __komod_names_and_files
    __komod_installed modules.dep modules.builtin
    __komod_files
end

function __komod_file_and_parameters
    if test -n "$(__komod_arguments)"
        __komod_parameters
    else
        __komod_files
    end
end

function __komod_version_and_files
    if test -n "$(__komod_arguments)"
        __komod_files
    else
        __komod_versions
    end
end

function __komod_modprobe
    if __komod_given remove >/dev/null; or __komod_given remove-holders >/dev/null
        __komod_loaded
    else if test -n "$(__komod_arguments)"; and not __komod_given all >/dev/null
        __komod_parameters
    else if string match -qr '/|^\.$' -- (commandline -ct)
        __komod_files
    else
        __komod_installed modules.dep
    end
end
