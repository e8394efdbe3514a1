//! The files before anything happens to them.

use komod_fixtures::{Class, Endian, ModuleSpec, Packing, Pkcs7, Signed, pack};

use crate::scratch::Scratch;

/// Who reads a file, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A module, packed or not.
    Module,
    /// An index of depmod's.
    Index,
    /// Lines of modprobe.d, or a list in its words.
    Modprobe,
    /// Lines of depmod.d.
    Depmod,
    /// `modules.dep`.
    Dependencies,
    /// `modules.devname`.
    DeviceNodes,
    /// `Module.symvers`.
    Symvers,
    /// `System.map`.
    SystemMap,
    /// A list of the kernel build's in the module directory, by its name.
    List(&'static str),
    /// The kernel's command line.
    CommandLine,
    /// What depmod keeps of its last run.
    Cache,
}

/// One file.
#[derive(Debug)]
pub struct Golden {
    /// What tells it from the others.
    pub name: String,
    /// What it is counted with.
    pub group: &'static str,
    pub kind: Kind,
    pub bytes: Vec<u8>,
}

/// All of them: modules of every class, byte order and packing; what depmod makes of a
/// small tree; configuration; lists of the kernel build.
pub fn all(scratch: &Scratch) -> Vec<Golden> {
    let mut all = modules();
    for file in scratch.database() {
        let (group, kind) = match file.name {
            "modules.dep" => ("modules.dep", Kind::Dependencies),
            "modules.devname" => ("devname", Kind::DeviceNodes),
            name if name.ends_with(".bin") => ("*.bin", Kind::Index),
            _ => ("texts", Kind::Modprobe),
        };
        all.push(Golden { name: file.name.into(), group, kind, bytes: file.contents });
    }
    let text = |name: &str, group, kind, text: &str| Golden {
        name: name.into(),
        group,
        kind,
        bytes: text.into(),
    };
    all.push(text("modprobe.d", "modprobe.d", Kind::Modprobe, MODPROBE_D));
    all.push(text("depmod.d", "depmod.d", Kind::Depmod, DEPMOD_D));
    all.push(text("Module.symvers", "symbols", Kind::Symvers, SYMVERS));
    all.push(text("System.map", "symbols", Kind::SystemMap, SYSTEM_MAP));
    all.push(text("/proc/cmdline", "command line", Kind::CommandLine, COMMAND_LINE));
    for name in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        let bytes = scratch.list(name);
        all.push(Golden { name: name.into(), group: "lists", kind: Kind::List(name), bytes });
    }
    for (name, bytes) in scratch.cache() {
        all.push(Golden { name, group: "cache", kind: Kind::Cache, bytes });
    }
    all
}

/// Modules with a bit of everything, in every class, byte order and packing.
pub fn modules() -> Vec<Golden> {
    const PACKINGS: [(&str, Packing); 7] = [
        ("plain", Packing::Plain),
        ("gzip", Packing::Gzip),
        ("xz", Packing::Xz),
        ("xz", Packing::XzCrc64),
        ("xz", Packing::XzTwoStreams),
        ("zstd", Packing::Zstd),
        ("zstd", Packing::ZstdUnsized),
    ];
    let mut all = Vec::new();
    for class in [Class::Elf32, Class::Elf64] {
        for endian in [Endian::Little, Endian::Big] {
            for (what, spec) in specs() {
                let bytes = spec.class(class).endian(endian).build();
                for (group, packing) in PACKINGS {
                    let name = format!("{class:?} {endian:?} {what} {packing:?}");
                    let bytes = pack(&bytes, packing);
                    all.push(Golden { name, group, kind: Kind::Module, bytes });
                }
            }
        }
    }
    all
}

fn specs() -> [(&'static str, ModuleSpec); 2] {
    let spec = ModuleSpec::new("m")
        .modinfo("license", "GPL")
        .modinfo("vermagic", "6.1 SMP mod_unload modversions")
        .modinfo("alias", "pci:v00008086d0000[1-3a]*sv*sd*")
        .modinfo("alias", "char-major-10-200")
        .modinfo("alias", "devname:net/tun")
        .modinfo("softdep", "pre: a post: b")
        .modinfo("weakdep", "c")
        .modinfo("parm", "x:a number (int)")
        .export("absolute", 1)
        .export_in_section("in_section", 2)
        .ksymtab_strings(["absolute", "in_section"])
        .needs("strong")
        .needs_weak("weak")
        .version("module_layout", 3)
        .version("strong", 4)
        .build_id(&[5; 6]);
    let signer = Pkcs7::by("A key", &[1, 2], &[6; 16]);
    let legacy = Signed::Legacy {
        id_type: 1,
        hash: 4,
        signer: b"Org: key".to_vec(),
        key_id: vec![1, 2, 3],
        signature: vec![9; 8],
    };
    [
        ("modversions", spec.clone().signed(Signed::Pkcs7(signer))),
        ("extended", spec.ext_version("strong", 4).ext_version("a_long_name", 5).signed(legacy)),
    ]
}

const MODPROBE_D: &str = "\
# a comment
alias eth* e1000e
alias usb:v[0-9a-f]*d-[!a-] snd-hda-intel
alias net-pf-10 off
blacklist nouveau
options snd-hda-intel  model=auto\tpower_save=1
install usb-storage /sbin/modprobe -i usb-storage $CMDLINE_OPTS \\
  && echo done
remove usb-storage /sbin/modprobe -r usb-storage
softdep ext4 pre: crc32c mbcache post: jbd2
softdep x* post: a pre: b c
weakdep amdgpu radeon i915
include nothing
bad line
";

/// No part of a path in it is one that exists: a changed one is looked through.
const DEPMOD_D: &str = "\
# a comment
search updates built-in external extra/a
override a-b ^6\\\\.1.*[[:digit:]]{1,2}(-x|y)? extra
override b * extra
external 6.1 zz/zz
exclude .debug tests
make_map_files no
";

const SYMVERS: &str = "\
0x00000000\tprintk\tvmlinux\tEXPORT_SYMBOL\t
0xdeadbeef\tstrong\tvmlinux\tEXPORT_SYMBOL_GPL\tNS
0x12345678\tabsolute\tkernel/m\tEXPORT_SYMBOL\t
-1 odd vmlinux
";

const SYSTEM_MAP: &str = "\
ffffffff81000000 T _text
ffffffff81000010 r __ksymtab_printk
ffffffff81000018 r __ksymtab_strong
0000000000000000 A __crc_printk
                 U weak
";

const COMMAND_LINE: &str = "quiet ro root=UUID=1-2 m.x=1 snd-hda-intel.model=\"a b\" \"e[0-9].y=c d\" \
     modprobe.blacklist=nouveau,snd-pcsp a.b.c=1 -- init\n";
