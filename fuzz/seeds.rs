//! Inputs to begin with, made by the fixtures: the same on every run.

use std::num::NonZeroUsize;

use komod_cache::{
    Directory, Entry, EntryKind, FactsPlace, FactsWriter, Key, Known, Module as CachedModule,
    Moment, Output, Tree as CachedTree, Want,
};
use komod_config::{DepmodConfig, Search};
use komod_depmod::{Checks, Database, Graph, Reading, Symbols, load_modules, scan, sort_modules};
use komod_fixtures::{ModuleSpec, Packing, Pkcs7, Signed, Tree, pack};

/// Modules of all classes and byte orders, with a bit of everything.
pub(crate) fn modules() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for bare in ModuleSpec::new("m").on_each_machine() {
        let spec = bare
            .clone()
            .modinfo("license", "GPL")
            .modinfo("vermagic", "6.1")
            .modinfo("alias", "pci:v*d*")
            .export("absolute", 1)
            .export_in_section("in_section", 2)
            .export_undefined("never")
            .needs("strong")
            .needs_weak("weak")
            .defines("own")
            .version("module_layout", 3)
            .version("strong", 4)
            .build_id(&[5; 6]);
        files.push(bare.clone().build());
        files.push(bare.clone().without_modinfo().build());
        files.push(bare.ksymtab_strings(["f", "", "g"]).build());
        files.push(spec.clone().section("far", [7; 20_000]).build());
        files.push(spec.clone().ext_version("strong", 4).build());
        let signed = Signed::Pkcs7(Pkcs7::by("k", &[1], &[6; 7]));
        files.push(spec.signed(signed).build());
    }
    files
}

/// Modules with a reason to be refused, behind configuration and the kernel's words.
pub(crate) fn why() -> Vec<Vec<u8>> {
    let seed = |choice: u8, config: &str, log: &str, module: &[u8]| {
        [&[choice], config.as_bytes(), b"\xff", log.as_bytes(), b"\xff", module].concat()
    };
    let own = || {
        ModuleSpec::new("a")
            .modinfo("license", "GPL")
            .modinfo("vermagic", "6.1.0-test SMP preempt mod_unload modversions ")
            .modinfo("parmtype", "n:int")
            .section(".gnu.linkonce.this_module", vec![0; 64])
            .version("module_layout", 0x1111)
    };
    let needs = own().needs("of_b").version("of_b", 6).needs("spaced").needs("gpl_thing").build();
    let signed = own().signed(Signed::Pkcs7(Pkcs7::by("My key", &[0x12], b"x"))).build();
    let plain = own().build();
    let log = "a: disagrees about version of symbol of_b\na: Unknown symbol of_b (err -22)";
    let conf = "options a n=x m=1\nsoftdep a pre: reference post: nobody\ndeny reference no\n";
    vec![
        seed(0xa4, "", log, &needs),
        seed(0x10, conf, "a: Unknown symbol of_b (err -2)", &needs),
        seed(0xa0, "n=x", "a: `x' invalid for parameter `n'", &plain),
        seed(0xf0, "", "Loading of module with unavailable key is rejected", &signed),
        seed(0x41, "install b /bin/false\n", "a: version magic 'x ' should be 'y '", &plain),
        seed(0x4a, "blacklist a\nalias bb a\n", "a: no", plain.get(..300).unwrap_or(&plain)),
        seed(0x50, "install a exit 1\n", "execmem: unable to allocate memory", &plain),
        seed(0xa8, "", "", &pack(&plain, Packing::XzCrc64)),
        seed(0xb0, "", "audit: type=1800 audit(1:2): op=appraise_data cause=x res=0", b"text"),
    ]
}

/// Trailers as they stand, and bodies behind a byte that says what they are.
pub(crate) fn signatures() -> Vec<Vec<u8>> {
    let mut several = Pkcs7::by("A key", &[0, 0xab, 1], &[7; 30]);
    several.issuer.insert(0, (Pkcs7::ORGANIZATION.to_vec(), "Org".into()));
    several.digest = Pkcs7::SHA512.to_vec();
    let legacy = Signed::Legacy {
        id_type: 1,
        hash: 6,
        signer: b"Org: key".to_vec(),
        key_id: vec![1, 2, 3],
        signature: vec![9; 4],
    };
    let der = several.der();
    vec![
        Signed::Pkcs7(several).build(),
        legacy.build(),
        [&[0], der.as_slice()].concat(),
        [&[0x92], &b"Org: key"[..]].concat(),
    ]
}

/// All the files that depmod makes of a small tree.
fn database() -> Vec<(&'static str, Vec<u8>)> {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let pci = ModuleSpec::new("a").modinfo("alias", "pci:v00008086d*sv*sd*bc*sc*i*");
    let odd = ModuleSpec::new("b").modinfo("alias", "usb:v[0-9]p?d*").modinfo("alias", "char-[!a]");
    let tree = Tree::new("6.1.0-test")
        .module("kernel/a.ko", &pci.export("a_one", 1).export("a_two", 2).needs("b_one"))
        .module("kernel/b.ko", &odd.export("b_one", 3).modinfo("softdep", "pre: c"))
        .module("kernel/c-d.ko", &ModuleSpec::new("c_d").modinfo("alias", "devname:net/c"))
        .builtin(["kernel/fs/ext4.ko", "kernel/lib/crc-t10dif.ko"])
        .builtin_modinfo(["ext4.license=GPL", "ext4.alias=fs-ext4", "crc.alias=crc-*"]);
    let dir = tree.write(scratch.path()).expect("a scratch directory");
    let mut sink = |_: komod_depmod::Finding<'_>| {};
    let config = DepmodConfig::load(&Search::only(Vec::new()), b"6.1.0-test");
    let found = scan(&dir, &config, &mut sink).expect("a directory");
    let mut catalog = sort_modules(found, &dir, &mut sink);
    let mut symbols = Symbols::default();
    let reading = Reading {
        workers: NonZeroUsize::MIN,
        prefix: None,
        checks: false,
        more_if_waiting: false,
        tales: false,
    };
    load_modules(&mut catalog, &mut symbols, reading, &mut sink);
    let checks = Checks { unknown: false, versions: false };
    let graph = Graph::resolve(&catalog, &symbols, checks, &mut sink).expect("no circles");
    let database = Database {
        catalog: &catalog,
        symbols: &symbols,
        graph: &graph,
        dir: &dir,
        tell_duplicates: false,
    };
    let files =
        database.files(std::num::NonZeroUsize::MIN, None, &mut sink).expect("small indexes");
    files.into_iter().map(|file| (file.name, file.contents)).collect()
}

/// Each index of a small tree behind questions that it answers, and the lists.
pub(crate) fn indexes() -> Vec<Vec<u8>> {
    let questions: [&[u8]; 6] = [
        b"a",
        b"pci:v00008086d00001234sv0sd0bc0sc0i0",
        b"usb:v7p1dx",
        b"symbol:a_two",
        b"ext4",
        b"char-b*?[",
    ];
    let mut seeds = Vec::new();
    for (name, contents) in database() {
        if !name.ends_with(".bin") {
            seeds.push(contents);
            continue;
        }
        for question in questions {
            let length = u8::try_from(question.len()).unwrap_or(u8::MAX);
            seeds.push([&[length], question, &contents].concat());
        }
    }
    seeds
}

/// Entries and questions, in plain words and in those of patterns.
pub(crate) fn questions() -> Vec<Vec<u8>> {
    let plain = b"\0\
        0pci:v00008086d*sv* e1000\n1pci:v0000* other\n2pci:v00008086d00001234sv0 exact\n\
        0snd_[!a-c]* snd\n1snd_?? two\n3[[:alpha:]]* class\n0a\\*b star\n\n\
        pci:v00008086d00001234sv0\nsnd_de\nxyz\na*b\na\\xb\n";
    let letters = b"\x01001122334455667788::;;<<==>>??\n\n0123456789:;<=>?";
    vec![plain.to_vec(), letters.to_vec()]
}

pub(crate) fn modprobe_d() -> Vec<Vec<u8>> {
    let text = b"\0# a comment\n\
        alias pci:v00008086d*sv* e1000\nalias char-[!a-c]-1 snd-pcm\nblacklist pcspkr\n\
        options snd-hda-intel model=auto  power_save=1\n\
        install usb_* /bin/true $CMDLINE_OPTS \\\n  && echo\nremove a exit 0\n\
        softdep a pre: b c post: d\nsoftdep b  pre: \t e\nweakdep a-b c d\ninclude x\n\
        config y\nnonsense\nalias a[ b\n\\# x\\\\y\n\
        deny e1000 old firmware\ndeny snd[-_]*\ndeny *\nallow pcsp?r\n";
    let mut lists: Vec<_> = database()
        .into_iter()
        .filter(|(name, _)| ["modules.softdep", "modules.alias"].contains(name))
        .map(|(_, contents)| [&[1], contents.as_slice()].concat())
        .collect();
    lists.push(text.to_vec());
    lists
}

pub(crate) fn depmod_d() -> Vec<Vec<u8>> {
    let text = b"6.1.0-test\nsearch updates external built-in extra weak-updates\n\
        override e1000 * updates\noverride snd 6\\.1.*-test$ extra/sound\n\
        external ^6[.][0-9]+ /opt/modules\nexternal (a|6){1,2}\\.\\w+ /x\nexclude .git debug\n\
        make_map_files no\noverride x [[:digit:]]?+* y\n";
    vec![text.to_vec()]
}

pub(crate) fn command_lines() -> Vec<Vec<u8>> {
    let text = b"BOOT_IMAGE=/vmlinuz root=UUID=1-2 ro quiet snd-hda-intel.model=\"a b\" \
        \"e1000.debug=1 2\" modprobe.blacklist=nouveau,pc-spkr usbcore.autosuspend a.b.c=1 \
        x[-y.z=1 -- init\n";
    vec![text.to_vec()]
}

pub(crate) fn options() -> Vec<Vec<u8>> {
    let texts: [&[u8]; 4] = [
        b"-q -C '/etc/a b.conf' --config=x\\ y -vv",
        b"--show-depends --dirname=/x -S 6.1 --first-time \"quoted \\\" word\"",
        b"-qbw 100 --remove-h --resolve-alias",
        b"--nosuch -z 'never closed",
    ];
    texts.map(<[u8]>::to_vec).to_vec()
}

/// A tree and what its modules said, without the sums at their ends.
pub(crate) fn caches() -> Vec<Vec<u8>> {
    let moment = |seconds| Moment { seconds, nanoseconds: 5 };
    let key =
        Key { device: 1, inode: 2, size: 3, modified: moment(1_700_000_000), changed: moment(7) };
    let known = Known { key, settled: true };
    let entry = |name: &'static [u8], kind, link| Entry {
        name: name.into(),
        kind,
        link,
        module: (kind == EntryKind::Module).then_some(0),
    };
    let place = |later, place| Some(FactsPlace { later, place });
    let tree = CachedTree {
        settings: b"-a /lib/modules".as_slice().into(),
        quiet: true,
        facts: [9, 8],
        inputs: vec![Some(known), None],
        outputs: vec![Output { known, sum: 4 }],
        directories: vec![Directory {
            path: b"kernel",
            known,
            entries: vec![
                entry(b"a.ko", EntryKind::Module, false),
                entry(b"fs", EntryKind::Directory, true),
            ],
        }],
        modules: vec![
            CachedModule { known: Some(known), facts: place(false, 1), told: true },
            CachedModule { known: Some(known), facts: place(true, 0), told: false },
            CachedModule { known: None, facts: None, told: false },
        ],
    };
    let names: [&[u8]; 3] = [b"printk", b"f", b""];
    let mut facts = FactsWriter::new(names.len());
    let want = Want { name: 1, weak: true, cut: [true, false] };
    let texts = [(0, b"pci:v*".as_slice()), (7, b"pre: b")];
    facts.module([0, 2].into_iter(), [want].into_iter(), texts.into_iter(), |number| {
        names.get(number as usize).copied().unwrap_or_default()
    });
    let (facts, _) = facts.finish().expect("a small file");
    let tree = tree.to_bytes().expect("a small file");
    [tree, facts].map(|file| file[..file.len() - 8].to_vec()).to_vec()
}

pub(crate) fn builtin_modinfo() -> Vec<Vec<u8>> {
    let records = b"ext4.license=GPL\0ext4.alias=fs-ext4\0ext4.file=fs/ext4/ext4\0\
        crc-t10dif.softdep=pre: a\0bad\0\0crc.parm=x:a.b\0";
    vec![records.to_vec()]
}

pub(crate) fn symvers() -> Vec<Vec<u8>> {
    let text = b"\x000x12345678\ta\tvmlinux\tEXPORT_SYMBOL\t\n\
        0x00000000\t_b\tfs/b\tEXPORT_SYMBOL_GPL\tNS\n-0X1 c vmlinux\nzz d vmlinux \n\n0x\n";
    let other = [b"\x01", &text[1..]].concat();
    vec![text.to_vec(), other]
}

pub(crate) fn system_map() -> Vec<Vec<u8>> {
    let text = b"\0ffffffff81000000 T _stext\nffffffff81000010 r __ksymtab_printk\n\
        0 R ___ksymtab__x\nbad\nffffffff81000010 r  __ksymtab_e\n";
    let other = [b"\x01", &text[1..]].concat();
    vec![text.to_vec(), other]
}

/// Something that compresses well in part and in part does not.
fn text() -> Vec<u8> {
    let mut state = 1_u32;
    let mut text = ModuleSpec::new("m").modinfo("license", "GPL").needs("f").build();
    text.extend((0..600).map(|_| {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
        state.to_be_bytes()[0] & 0x1f
    }));
    text
}

fn packed_as(packings: &[Packing]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for packing in packings {
        let one = pack(&text(), *packing);
        seeds.push(pack(b"", *packing));
        seeds.push(pack(&vec![0; 40_000], *packing));
        seeds.push(one.repeat(2));
        seeds.push([one.as_slice(), &[0; 8]].concat());
        seeds.push(one);
    }
    seeds
}

pub(crate) fn gzip() -> Vec<Vec<u8>> {
    packed_as(&[Packing::Gzip])
}

pub(crate) fn xz() -> Vec<Vec<u8>> {
    packed_as(&[Packing::Xz, Packing::XzCrc64, Packing::XzWide, Packing::XzTwoStreams])
}

pub(crate) fn zstd() -> Vec<Vec<u8>> {
    packed_as(&[Packing::Zstd, Packing::ZstdUnsized, Packing::ZstdLong])
}

pub(crate) fn packed() -> Vec<Vec<u8>> {
    let all = [Packing::Plain, Packing::Gzip, Packing::Xz, Packing::Zstd];
    all.into_iter().map(|packing| pack(&text(), packing)).collect()
}
