//! Pointers of C as safe types: the island that the whole library rests on.
//!
//! SAFETY: every pointer in here came from C, which promises what stands at the head
//! of `abi.rs`; every pointer to one of our objects was made in here, by `Held::of`,
//! `Owned::of` or `Entry::list`, and has their type and provenance.

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::ptr;
use std::rc::Rc;

use crate::Item;

/// NULL, or a pointer to an object with a count of references, as C holds it.
#[repr(transparent)]
pub struct Held<T>(*const T);

impl<T> Held<T> {
    /// NULL.
    pub const NULL: Self = Self(ptr::null());

    /// C gets the reference.
    pub fn of(object: Rc<T>) -> Self {
        Self(Rc::into_raw(object))
    }

    /// C gets a look at an object that somebody else keeps alive meanwhile.
    pub fn lent(object: &Rc<T>) -> Self {
        Self(Rc::as_ptr(object))
    }

    /// The object.
    pub fn get(&self) -> Option<&T> {
        // SAFETY: NULL or an object that C holds a reference of, see above.
        unsafe { self.0.as_ref() }
    }

    /// A reference of our own.
    pub fn share(&self) -> Option<Rc<T>> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: from `Rc::into_raw`, and alive: C holds a reference, see above.
        unsafe {
            Rc::increment_strong_count(self.0);
            Some(Rc::from_raw(self.0))
        }
    }

    /// One reference more for C.
    pub fn again(self) -> Self {
        if let Some(object) = self.share() {
            std::mem::forget(object);
        }
        self
    }

    /// Takes one reference of C's back: NULL if that was the last of all.
    pub fn release(self) -> Self {
        let Some(object) = self.share() else { return self };
        // SAFETY: C gives one of its references up, see above; `object` is another.
        unsafe { Rc::decrement_strong_count(self.0) };
        if Rc::strong_count(&object) > 1 { self } else { Self::NULL }
    }
}

/// NULL, or a pointer to an object that C alone holds.
#[repr(transparent)]
pub struct Owned<T>(*mut T);

impl<T> Owned<T> {
    /// NULL.
    pub const NULL: Self = Self(ptr::null_mut());

    /// C gets it.
    pub fn of(object: T) -> Self {
        Self(Box::into_raw(Box::new(object)))
    }

    /// The object.
    pub fn get(&self) -> Option<&T> {
        // SAFETY: NULL or an object that C holds, see above.
        unsafe { self.0.as_ref() }
    }

    /// Takes it back; it ends here.
    pub fn end(self) {
        if !self.0.is_null() {
            // SAFETY: from `Box::into_raw`, given up by C once, see above.
            drop(unsafe { Box::from_raw(self.0) });
        }
    }
}

/// One entry of a list: all of a list stand side by side.
struct Node {
    /// Its place in the list.
    place: usize,
    /// How many there are.
    count: usize,
    item: Item,
}

/// NULL (an empty list), or a pointer to an entry of a list.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry(*mut Node);

impl Entry {
    /// NULL.
    pub const NULL: Self = Self(ptr::null_mut());

    /// C gets a list, by its first entry; NULL for an empty one.
    pub fn list(items: Vec<Item>) -> Self {
        let count = items.len();
        if count == 0 {
            return Self::NULL;
        }
        let node = |(place, item)| Node { place, count, item };
        let nodes: Box<[Node]> = items.into_iter().enumerate().map(node).collect();
        Self(Box::into_raw(nodes).cast())
    }

    fn node(&self) -> Option<&Node> {
        // SAFETY: NULL or an entry of a list that C holds, see above.
        unsafe { self.0.as_ref() }
    }

    /// What it holds.
    pub fn item(&self) -> Option<&Item> {
        self.node().map(|node| &node.item)
    }

    /// The entry `steps` places behind this one in the circle.
    fn behind(self, node: &Node, steps: usize) -> Self {
        let place = node.place.wrapping_add(steps).checked_rem(node.count).unwrap_or(0);
        // Stays within the list, whose whole memory the pointer may reach.
        Self(self.0.wrapping_sub(node.place).wrapping_add(place))
    }

    /// What stands behind it in the circle.
    pub fn following(self) -> Self {
        self.node().map_or(Self::NULL, |node| self.behind(node, 1))
    }

    /// What stands before it in the circle.
    pub fn preceding(self) -> Self {
        self.node().map_or(Self::NULL, |node| self.behind(node, node.count.wrapping_sub(1)))
    }

    /// All entries of the list, from this one on.
    pub fn all(self) -> Vec<Self> {
        match self.node() {
            None => Vec::new(),
            Some(node) => (0..node.count).map(|steps| self.behind(node, steps)).collect(),
        }
    }

    /// Takes the list back, whichever entry it is; it ends here.
    pub fn end(self) {
        let first = |node: &Node| self.behind(node, node.count.wrapping_sub(node.place));
        let list = self.node().map(|node| (first(node), node.count));
        if let Some((first, count)) = list {
            // SAFETY: the slice of `Entry::list`, given up by C once, see above.
            drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(first.0, count)) });
        }
    }
}

/// NULL, or a string.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Text(*const c_char);

impl Text {
    /// NULL.
    pub const NULL: Self = Self(ptr::null());

    /// C gets a look at a string that an object of ours keeps.
    pub fn of(text: Option<&CStr>) -> Self {
        Self(text.map_or(ptr::null(), CStr::as_ptr))
    }

    /// Its bytes.
    pub fn bytes(&self) -> Option<&[u8]> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: a string with its NUL, see above.
        Some(unsafe { CStr::from_ptr(self.0) }.to_bytes())
    }
}

/// NULL, or strings up to a NULL.
#[repr(transparent)]
pub struct Texts(*const Text);

impl Texts {
    /// The strings as paths.
    pub fn paths(&self) -> Option<Vec<PathBuf>> {
        if self.0.is_null() {
            return None;
        }
        let mut paths = Vec::new();
        // SAFETY: the array goes on up to its NULL, see above.
        while let Some(bytes) = unsafe { &*self.0.add(paths.len()) }.bytes() {
            paths.push(OsString::from_vec(bytes.to_vec()).into());
        }
        Some(paths)
    }
}

/// NULL, or a place of C's for an answer.
#[repr(transparent)]
pub struct Slot<T>(*mut T);

impl<T> Slot<T> {
    /// Whether there is a place.
    pub fn is_there(&self) -> bool {
        !self.0.is_null()
    }

    /// Puts it there; what was there is C's concern.
    pub fn put(self, answer: T) {
        if !self.0.is_null() {
            // SAFETY: a place of C's for a value of this type, see above.
            unsafe { self.0.write(answer) };
        }
    }
}

impl Slot<Entry> {
    /// Whether no list stands there yet; `None` without a place.
    pub fn is_empty(&self) -> Option<bool> {
        // SAFETY: NULL, or a place of C's that holds a pointer, see above.
        unsafe { self.0.as_ref() }.map(|entry| *entry == Entry::NULL)
    }
}

/// A descriptor of C's; `None` for a number that cannot be one.
pub fn descriptor<'a>(fd: c_int) -> Option<BorrowedFd<'a>> {
    // SAFETY: open as long as the call takes, see above; -1 is none.
    (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(entries: &[Entry]) -> Vec<u64> {
        entries.iter().filter_map(|entry| entry.item()?.crc()).collect()
    }

    #[test]
    fn a_list_is_a_circle_from_any_entry() {
        let items = (0..3).map(|crc| Item::Symbol { name: c"x".into(), crc }).collect();
        let list = Entry::list(items);
        let second = list.following();
        assert_eq!(names(&list.all()), [0, 1, 2]);
        assert_eq!(names(&second.all()), [1, 2, 0]);
        assert_eq!(names(&[list.preceding(), second.preceding(), second.following()]), [2, 0, 2]);
        second.end();
        let one = Entry::list(vec![Item::Symbol { name: c"x".into(), crc: 7 }]);
        assert!(one.following() == one && one.preceding() == one);
        one.end();
        assert!(Entry::list(Vec::new()) == Entry::NULL && Entry::NULL.all().is_empty());
        Entry::NULL.end();
    }

    #[test]
    fn references_are_counted() {
        let object = Rc::new(7);
        let held = Held::of(Rc::clone(&object)).again();
        assert_eq!((held.get(), Rc::strong_count(&object)), (Some(&7), 3));
        let held = held.release();
        assert_eq!((held.get(), Rc::strong_count(&object)), (Some(&7), 2));
        drop(object);
        assert_eq!(held.release().get(), None);
        assert_eq!(Held::<i32>::NULL.release().again().get(), None);
    }
}
