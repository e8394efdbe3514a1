# Whether an option was typed; REPLY is its value.
_komod_given() {
    local spelling
    REPLY=
    for spelling in ${=spellings[$1]}; do
        ((${+opt_args[$spelling]})) || continue
        # Quoted by _arguments what was quoted on the line.
        REPLY=${(Q)${(Q)opt_args[$spelling]}}
        REPLY=${REPLY/#\~\//$HOME/}
        return 0
    done
    return 1
}

# REPLY is the directory of all kernels' modules.
_komod_directory() {
    local base
    _komod_given dirname || _komod_given basedir
    base=$REPLY
    _komod_given moduledir || REPLY=lib/modules
    REPLY=$base/$REPLY
}

_komod_versions() {
    local REPLY expl
    _komod_directory
    local -a versions=($REPLY/*(N-/:t))
    _wanted versions expl 'kernel version' compadd "$@" -a versions
}

# Proposes names of modules, in which - and _ are one.
_komod_names() {
    local expl
    local -a names=(${(f)1})
    _wanted modules expl module compadd -M 'm:-=_' -a names
}

# Proposes modules of the kernel version typed, from these of its files.
_komod_installed() {
    local REPLY directory version
    _komod_directory
    directory=$REPLY
    _komod_given set-version || REPLY=$(uname -r)
    version=$REPLY
    local -a files=($directory/$version/${^@}(N))
    ((#files)) || return
    _komod_names "$(LC_ALL=C sed -e 's/:.*//' -e 's/.*\///' -e 's/\.ko.*//' -e 'y/-/_/' -- $files)"
}

_komod_loaded() {
    [[ -r /proc/modules ]] || return
    local -a names=(${(f)"$(</proc/modules)"})
    names=(${names%% *})
    _komod_names "${(F)names}"
}

_komod_files() {
    _files -g '*.ko(|.gz|.xz|.zst)(-.)'
}

# Proposes the parameters of the module typed first.
_komod_parameters() {
    setopt local_options extended_glob
    [[ $PREFIX == *=* ]] && return 1
    local REPLY
    local -a arguments=(-0 -p)
    _komod_given dirname && arguments+=(-b $REPLY)
    _komod_given set-version && arguments+=(-k $REPLY)
    REPLY=${(Q)line[1]}
    local -a parameters=(${(0)"$(
        path+=(/usr/sbin /sbin)
        command modinfo $arguments -- ${REPLY/#\~\//$HOME/} 2>/dev/null
    )"})
    # Descriptions may have more than one line, and names are out of a file.
    parameters=(${parameters//[[:cntrl:]]/ })
    parameters=(${parameters:#[^:]#[^A-Za-z0-9_.:-]*:*})
    ((#parameters)) || return
    _describe -t parameters parameter parameters -q -S =
}

_komod_modprobe() {
    local REPLY
    if _komod_given remove || _komod_given remove-holders; then
        _komod_loaded
    elif [[ $argv[-1] == more ]] && ! _komod_given all; then
        _komod_parameters
    elif [[ $PREFIX == (*/*|.) ]]; then
        _komod_files
    else
        _komod_installed modules.dep
    fi
}

_komod_names_and_files() {
    local found=1
    _komod_installed modules.dep modules.builtin && found=0
    _komod_files && found=0
    return found
}

_komod_tool() {
    local curcontext=$curcontext state state_desc operands context found=1
    local -a line specs
    local -A opt_args spellings
    _komod_table $1 || return
    case $operands in
    none) specs+=('*:no operands: ') ;;
    command) specs=(-A '-*' $specs '1:command:_komod_commands' '*:: :->command') ;;
    loaded) specs+=('*:module:_komod_loaded') ;;
    names_and_files) specs+=('*:module:_komod_names_and_files') ;;
    file_and_parameters) specs+=('1:module file:_komod_files' '*:parameter:_komod_parameters') ;;
    version_and_files) specs+=('1:kernel version:_komod_versions' '*:module file:_komod_files') ;;
    modprobe) specs+=('1:module:_komod_modprobe first' '*:module or parameter:_komod_modprobe more') ;;
    esac
    _arguments -s -S $specs && found=0
    if [[ $state == command ]]; then
        curcontext=${curcontext%:*:*}:kmod-$words[1]:
        _komod_tool $words[1] && found=0
    fi
    return found
}

_komod_tool $service
