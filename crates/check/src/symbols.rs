//! Symbols that modules need: who has them, and in which version.

use komod_depmod::{Catalog, Need, Owner, Symbols};
use komod_name::ModuleName;
use komod_why::{Cause, Exporter, OwnExports};

use crate::Finding;

/// Always there, or made by the linker; the last is the kernel's own affair.
const IMPLIED: [&[u8]; 4] = [b"__this_module", b"_GLOBAL_OFFSET_TABLE_", b"TOC.", b"module_layout"];

/// So many modules have to agree before one that does not is wrong.
const ENOUGH: usize = 3;

/// What is known of a symbol that no module exports.
#[derive(Clone, Default)]
struct Kernels {
    /// The version: the kernel's list names it, or most modules were built against it.
    crc: Option<u64>,
    /// For and against it, while modules are counted.
    votes: (usize, usize),
    /// Whether the kernel exports it, if there is a list.
    exported: Option<bool>,
    asked: bool,
}

/// Looks at all that modules need. `own` is what the kernel itself exports, if that is
/// known: without it nothing is said of symbols that no module has, but that modules
/// disagree about their versions.
pub(crate) fn check(
    catalog: &Catalog,
    symbols: &Symbols,
    own: Option<&OwnExports>,
) -> Vec<Finding> {
    let mut kernels = vec![Kernels::default(); symbols.len()];
    let needs = || catalog.iter().flat_map(|(_, module)| module.needs());
    let of_kernel = |need: &Need| symbols.exporter(need.symbol).is_none();
    for need in needs().filter(of_kernel) {
        let Some(kernel) = kernels.get_mut(need.symbol.index()) else { continue };
        if !std::mem::replace(&mut kernel.asked, true) {
            let export = own.map(|own| own.get(symbols.name(need.symbol)));
            kernel.exported = export.map(|export| export.is_some());
            kernel.crc = export.flatten().and_then(|export| export.crc);
            if kernel.crc.is_some() {
                kernel.votes = (usize::MAX, 0);
            }
        }
        let Some(crc) = need.crc else { continue };
        // The candidate of a majority: of pairs that disagree both go.
        match kernel.votes {
            (0, _) => (kernel.crc, kernel.votes) = (Some(crc), (1, 0)),
            (usize::MAX, _) => {}
            (count, _) if kernel.crc == Some(crc) => kernel.votes.0 = count.saturating_add(1),
            (count, _) => kernel.votes.0 = count.saturating_sub(1),
        }
    }
    kernels.iter_mut().filter(|all| all.votes.0 != usize::MAX).for_each(|all| all.votes = (0, 0));
    for need in needs().filter(of_kernel) {
        let Some(kernel) = kernels.get_mut(need.symbol.index()) else { continue };
        let (agreeing, others) = &mut kernel.votes;
        match need.crc {
            Some(crc) if kernel.crc == Some(crc) => *agreeing = agreeing.saturating_add(1),
            Some(_) => *others = others.saturating_add(1),
            None => {}
        }
    }
    let mut findings = Vec::new();
    for (_, module) in catalog.iter() {
        let mut unknown: Vec<&[u8]> = Vec::new();
        let mut other: Vec<(Need, u64, Option<Exporter>)> = Vec::new();
        for need in module.needs().filter(|need| !need.weak) {
            match symbols.exporter(need.symbol) {
                Some((owner, crc)) => {
                    let known = crc != 0 && crc != u64::MAX;
                    if known && need.crc.is_some_and(|own| own != crc) {
                        other.push((need, crc, Some(exporter(catalog, owner))));
                    }
                }
                None => {
                    let Some(kernel) = kernels.get(need.symbol.index()) else { continue };
                    let name = symbols.name(need.symbol);
                    if kernel.exported == Some(false) && !IMPLIED.contains(&name) {
                        unknown.push(name);
                        continue;
                    }
                    let (agreeing, others) = kernel.votes;
                    let sure = agreeing >= ENOUGH && agreeing.checked_div(2) > Some(others);
                    let Some(crc) = kernel.crc.filter(|_| sure || agreeing == usize::MAX) else {
                        continue;
                    };
                    if need.crc.is_some_and(|own| own != crc) {
                        other.push((need, crc, Some(Exporter::Kernel)));
                    }
                }
            }
        }
        let path = module.found.to_path();
        if !unknown.is_empty() {
            unknown.sort_unstable();
            let unknown = unknown.into_iter().map(<[u8]>::to_vec).collect();
            let source = own.map(|own| own.source.clone());
            findings.push(Finding::why(path, &Cause::NobodyExports { symbols: unknown, source }));
        }
        findings.extend(first(symbols, &other).map(|(cause, more)| {
            let mut finding = Finding::why(path, &cause);
            if more > 0 {
                finding.what.push_str(&format!("; {more} more symbols differ"));
            }
            finding
        }));
    }
    findings
}

fn exporter(catalog: &Catalog, owner: Owner) -> Exporter {
    match owner {
        Owner::Kernel => Exporter::Kernel,
        Owner::Module(id) => {
            let found = &catalog.module(id).found;
            let module: ModuleName = found.name.clone();
            Exporter::Module { module, path: Some(found.to_path().to_owned()) }
        }
    }
}

/// Of symbols in another version the one whose name comes first, and how many more there
/// are.
fn first(symbols: &Symbols, other: &[(Need, u64, Option<Exporter>)]) -> Option<(Cause, usize)> {
    let (need, crc, exporter) = other.iter().min_by_key(|other| symbols.name(other.0.symbol))?;
    let cause = Cause::SymbolVersion {
        symbol: symbols.name(need.symbol).to_vec(),
        module: need.crc,
        kernel: Some(*crc),
        exporter: exporter.clone(),
    };
    Some((cause, other.len().saturating_sub(1)))
}
