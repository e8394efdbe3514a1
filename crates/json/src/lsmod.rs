use crate::Line;

/// A module that is in the kernel.
#[derive(Debug, Clone, Copy)]
pub struct Loaded<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Bytes of memory.
    pub size: u64,
    /// How many use it; negative on a kernel that keeps no count.
    pub refcnt: i64,
    /// The modules among these.
    pub holders: &'a [Vec<u8>],
}

impl Loaded<'_> {
    /// Puts all members into `line`.
    #[inline(never)] // it would be built for speed where it is called
    pub fn put(&self, line: &mut Line) {
        line.key("name").text(self.name);
        line.key("size").number(self.size);
        match u64::try_from(self.refcnt) {
            Ok(refcnt) => line.key("refcnt").number(refcnt),
            Err(_) => line.key("refcnt").null(),
        }
        line.key("holders").texts(self.holders.iter().map(Vec::as_slice));
    }
}
