# Proposes the words given that begin with what is typed. Some are out of files:
# one that would mean something to bash is left out.
_komod_words() {
    local candidate
    for candidate; do
        [[ $candidate == "$typed"* && $candidate != *[!A-Za-z0-9_.+~=-]* ]] && COMPREPLY+=("$before$candidate")
    done
}

# Proposes directories, and files: all ("path"), of modules ("module") or none.
_komod_files() {
    local path
    while IFS= read -r path; do
        [[ -n $path ]] || continue
        case $path in
        *.ko | *.ko.gz | *.ko.xz | *.ko.zst) [[ $1 != directory || -d $path ]] || continue ;;
        *) [[ $1 == path || -d ${path/#"~/"/"$HOME/"} ]] || continue ;;
        esac
        COMPREPLY+=("$before$path")
        compopt -o filenames 2>/dev/null
    done <<<"$(compgen -f -- "$typed")"
}

# The value of an option, as a path.
_komod_path_of() {
    local path=${given[$1]-}
    printf %s "${path/#"~/"/"$HOME/"}"
}

# The directory of all kernels' modules.
_komod_directory() {
    local base
    base=$(_komod_path_of dirname)
    [[ -n $base ]] || base=$(_komod_path_of basedir)
    printf %s "$base/${given[moduledir]-lib/modules}"
}

_komod_versions() {
    local path versions=()
    while IFS= read -r path; do
        [[ -d $path ]] && versions+=("${path##*/}")
    done <<<"$(compgen -f -- "$(_komod_directory)/")"
    _komod_words "${versions[@]}"
}

# Proposes the names that are read and begin with what is typed, where - and _
# are one; in these the names have _.
_komod_names() {
    local name
    while IFS= read -r name; do
        [[ -n $name && $name != *[!A-Za-z0-9_.+]* ]] || continue
        COMPREPLY+=("$before$typed${name:${#typed}}")
    done <<<"$1"
}

# Proposes modules of the kernel version typed, from these of its files.
_komod_installed() {
    local directory file files=() prefix=${typed//-/_}
    [[ $prefix == *[!A-Za-z0-9_]* ]] && return
    directory=$(_komod_directory)/${given[set-version]-$(uname -r)}
    for file; do
        [[ -r $directory/$file ]] && files+=("$directory/$file")
    done
    ((${#files[@]})) || return
    # Four thousand lines are nothing for sed, and many for a loop of bash.
    _komod_names "$(LC_ALL=C sed -n -e 's/:.*//' -e 's/.*\///' -e 's/\.ko.*//' -e 'y/-/_/' \
        -e "/^$prefix/p" -- "${files[@]}")"
}

_komod_loaded() {
    local name names= prefix=${typed//-/_}
    [[ -r /proc/modules ]] || return
    while read -r name _; do
        [[ $name == "$prefix"* ]] && names+=$name$'\n'
    done </proc/modules
    _komod_names "$names"
}

# Proposes the parameters of the module typed first.
_komod_parameters() {
    local name words=(-0 -p)
    [[ $typed == *=* ]] && return
    [[ -n ${given[dirname]-} ]] && words+=(-b "$(_komod_path_of dirname)")
    [[ -n ${given[set-version]-} ]] && words+=(-k "${given[set-version]}")
    # Descriptions may have more than one line.
    while IFS= read -r name; do
        name=${name%%:*}
        [[ -n $name ]] && _komod_words "$name=" && compopt -o nospace 2>/dev/null
    done <<<"$(PATH=$PATH:/usr/sbin:/sbin modinfo "${words[@]}" -- "${arguments[0]/#"~/"/"$HOME/"}" \
        2>/dev/null | tr '\n\0' ' \n')"
}

_komod_value() {
    case $1 in
    path | directory) _komod_files "$1" ;;
    version) _komod_versions ;;
    field) _komod_words $_komod_fields ;;
    format) _komod_words $_komod_formats ;;
    esac
}

_komod_operand() {
    case $operands in
    command) _komod_words $_komod_commands ;;
    loaded) _komod_loaded ;;
    names_and_files)
        _komod_installed modules.dep modules.builtin
        _komod_files module
        ;;
    file_and_parameters)
        if ((${#arguments[@]})); then _komod_parameters; else _komod_files module; fi
        ;;
    version_and_files)
        if ((${#arguments[@]})); then _komod_files module; else _komod_versions; fi
        ;;
    modprobe)
        if [[ -n ${given[remove]+1}${given[remove-holders]+1} ]]; then
            _komod_loaded
        elif [[ ${#arguments[@]} != 0 && -z ${given[all]+1} ]]; then
            _komod_parameters
        elif [[ $typed == */* || $typed == . ]]; then
            _komod_files module
        else
            _komod_installed modules.dep
        fi
        ;;
    esac
}

# The option's name that a spelling, or the beginning of a long one, means.
_komod_option() {
    option=${option_of[$1]-}
    [[ -n $option || $1 != --?* ]] && return
    local spelling
    for spelling in "${!option_of[@]}"; do
        [[ $spelling == "$1"* ]] && option=${option_of[$spelling]} && return
    done
}

_komod_begin() {
    local option kind spellings spelling
    _komod_table "$1"
    option_of=() kind_of=() given=() arguments=()
    while read -r option kind spellings; do
        for spelling in $spellings; do
            option_of[$spelling]=$option
        done
        [[ -n $option ]] && kind_of[$option]=$kind
    done <<<"$options"
}

# Reads a word as the tools do. `value_of` is the option whose value the next
# word is; `before` and `typed` part the word where an option's value begins.
_komod_word() {
    local option word=$1
    before= typed=$word
    if [[ -n $value_of ]]; then
        given[$value_of]=$word value_of=
    elif [[ -n $ended ]]; then
        arguments+=("$word")
    elif [[ $word == -- ]]; then
        ended=1
    elif [[ $word == --* ]]; then
        _komod_option "${word%%=*}"
        if [[ $word == *=* ]]; then
            inside=$option before=${word%%=*}= typed=${word#*=}
            [[ -n $option ]] && given[$option]=$typed
        elif [[ -n $option && ${kind_of[$option]} != - ]]; then
            value_of=$option
        elif [[ -n $option ]]; then
            given[$option]=
        fi
    elif [[ $word == -?* ]]; then
        local at
        for ((at = 1; at < ${#word}; at++)); do
            _komod_option "-${word:at:1}"
            [[ -n $option ]] || continue
            if [[ ${kind_of[$option]} == - ]]; then
                given[$option]=
            elif ((at + 1 < ${#word})); then
                inside=$option before=${word:0:at+1} typed=${word:at+1}
                given[$option]=$typed
                return
            else
                value_of=$option
            fi
        done
    elif [[ $operands == command ]]; then
        _komod_begin "$word"
    else
        arguments+=("$word")
    fi
}

_komod() {
    local -
    local IFS=$' \t\n' line=${COMP_LINE:0:COMP_POINT} words=() word at
    local operands options value_of= ended= inside= before typed arguments=()
    local -A option_of=() kind_of=() given=()
    set -f
    COMPREPLY=()
    # COMP_WORDS is broken at = and :, which here belong to words. Without -r
    # a backslash keeps a blank inside its word.
    read -a words <<<"${line//[\"\']/}"
    [[ $line == *[!\\][[:blank:]] ]] && words+=("")
    ((${#words[@]} > 1)) || return
    _komod_begin "${words[0]##*/}"
    for ((at = 1; at < ${#words[@]} - 1; at++)); do
        _komod_word "${words[at]}"
    done
    word=${words[at]}
    if [[ -n $value_of ]]; then
        before= typed=$word
        _komod_value "${kind_of[$value_of]}"
    elif [[ -z $ended && $word == -* ]]; then
        inside=
        [[ $word == - ]] || _komod_word "$word"
        if [[ -n $inside ]]; then
            _komod_value "${kind_of[$inside]}"
        else
            before= typed=$word
            _komod_words "${!option_of[@]}"
        fi
    else
        before= typed=$word
        _komod_operand
    fi
    # Bash replaces what stands behind the last word break only.
    local breaks=${COMP_WORDBREAKS//[!=:]/}
    if [[ -n $breaks && $word == *[$breaks]* ]]; then
        local kept=${word%"${word##*[$breaks]}"}
        COMPREPLY=("${COMPREPLY[@]#"$kept"}")
    fi
}
