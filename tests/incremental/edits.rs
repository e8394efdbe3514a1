//! What may happen to a tree between two runs.

/// A generator of numbers; the same seed gives the same ones (xorshift64*).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number less than `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize;
        high % end
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// One of these; `None` if there are none.
    pub fn choose<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.below(of.len())) }
    }
}

/// The kinds of edits, and a list of them in which the first come twice as often.
macro_rules! edits {
    (
        often { $($(#[$about:meta])* $often:ident,)* }
        seldom { $($(#[$other:meta])* $seldom:ident,)* }
    ) => {
        /// A kind of edit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Edit {
            $($(#[$about])* $often,)*
            $($(#[$other])* $seldom,)*
        }

        const OFTEN: &[Edit] = &[$(Edit::$often),*];
        const ALL: &[Edit] = &[$(Edit::$often,)* $(Edit::$seldom),*];
    };
}

edits! {
    often {
        /// A new module, or a new one in place of one of the same path.
        Add,
        Remove,
        /// Other bytes, the same size and the same time of modification, in the same file.
        RewriteInDisguise,
        /// The same by a new file that takes the name.
        ReplaceInDisguise,
        Rename,
        /// An old date.
        TouchBack,
        /// A second name outside the tree, and other bytes through it.
        RewriteThroughHardLink,
        /// A link that leads to another module now.
        SwapLink,
        /// A link inside leads to one outside, and that leads elsewhere now.
        SwapDistantLink,
        Repack,
        DamageOutputInDisguise,
        OrderInDisguise,
        RenameDirectory,
        LinkedDirectoryChanges,
        /// All that gives messages is taken away.
        Mend,
    }
    seldom {
        /// A date to come.
        TouchForth,
        HardLinkInside,
        RemoveDirectory,
        SwapDirectoryLink,
        /// A directory link that leads to a directory above it now, or no longer does.
        SwapLinkToAncestor,
        External,
        Configuration,
        ConfigurationInDisguise,
        Order,
        Builtin,
        BuiltinModinfo,
        RemoveList,
        DeleteOutput,
        DamageOutput,
        TruncateOutput,
        ReplaceOutputByLink,
        ChmodOutput,
        /// The output of another run, which knows no cache.
        FullRunInPlace,
        BrokenModule,
        DanglingLink,
        OddFile,
        Chmod,
        OtherPrefix,
        DamageCache,
        TruncateCache,
        DeleteCache,
        /// One of the cache's files as it was some runs ago.
        OldCache,
        OpenCacheToAll,
        LeftoverOfTheCache,
        Circle,
    }
}

impl Edit {
    pub fn any(random: &mut Random) -> Self {
        let at = random.below(ALL.len() + OFTEN.len());
        ALL.get(at).copied().unwrap_or_else(|| OFTEN[at - ALL.len()])
    }

    /// Whether `depmod -A` has a cache to go by after it.
    pub fn leaves_the_cache(self) -> bool {
        !matches!(
            self,
            Self::DamageCache
                | Self::TruncateCache
                | Self::DeleteCache
                | Self::OldCache
                | Self::OpenCacheToAll
                | Self::Circle
        )
    }
}
