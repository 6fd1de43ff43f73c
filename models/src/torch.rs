//! Reads tensors from legacy PyTorch files (before 1.6) without running anything.
//!
//! Such a file is five pickles (magic number, protocol version, system facts, the state dictionary, storage keys)
//! followed by the raw storages: for each key the number of elements and their bytes. A pickle is a program; this
//! reader knows only the few instructions that build numbers, texts, tuples, lists and dictionaries, and calls nothing:
//! the two functions a state dictionary names (`_rebuild_tensor_v2`, `OrderedDict`) are recognised by name, any other
//! name is an error. Everything is capped.

use std::collections::HashMap;

/// Why a file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TorchError {
    /// The file ends inside an instruction or a storage.
    #[error("the file ends too early")]
    Truncated,
    /// The first pickle is not PyTorch's magic number, or the second not the known protocol.
    #[error("not a legacy PyTorch file")]
    NotLegacy,
    /// An instruction that is not needed for tensors, or one used out of place.
    #[error("instruction 0x{0:02x} is not allowed here")]
    Instruction(u8),
    /// A name other than the few that are recognised.
    #[error("`{0}` is not allowed")]
    Name(String),
    /// More objects, deeper stacks or longer texts than any known file has.
    #[error("too large")]
    TooLarge,
    /// The parts do not fit each other.
    #[error("{0}")]
    Inconsistent(&'static str),
}

/// A tensor of 32-bit floats, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// Most objects built by one file; the known files build about six thousand.
const MAX_OBJECTS: usize = 200_000;
/// Longest text.
const MAX_TEXT: usize = 1000;
/// Longest storage in elements, and all tensors together.
const MAX_ELEMENTS: usize = 50_000_000;
/// The magic number, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The only version of the file layout that exists.
const PROTOCOL: i64 = 1001;

/// All tensors of 32-bit floats in the state dictionary, by name. Integer tensors (counters) are left out.
pub(crate) fn read(bytes: &[u8]) -> Result<HashMap<String, Tensor>, TorchError> {
    let mut reader = Reader { bytes, at: 0 };
    let magic = Machine::run(&mut reader)?;
    if !matches!(magic.object(magic.result)?, Object::Long(digits) if digits == &MAGIC) {
        return Err(TorchError::NotLegacy);
    }
    let version = Machine::run(&mut reader)?;
    if !matches!(version.object(version.result)?, Object::Integer(PROTOCOL)) {
        return Err(TorchError::NotLegacy);
    }
    // Facts of the writing system: only its byte order would matter, and a big-endian file fails at the counts below.
    Machine::run(&mut reader)?;
    let state = Machine::run(&mut reader)?;
    let keys = Machine::run(&mut reader)?;
    let storages = storages(&mut reader, &state, &keys)?;
    tensors(&state, &storages)
}

type Index = usize;

/// What an instruction leaves on the stack. Compound objects refer to others by index.
#[derive(Debug, Clone, PartialEq)]
enum Object {
    None,
    Bool,
    Integer(i64),
    Long(Vec<u8>),
    Text(String),
    Tuple(Vec<Index>),
    List(Vec<Index>),
    Dictionary(Vec<(Index, Index)>),
    Function(Function),
    Storage { kind: Kind, key: String, elements: usize },
    Tensor { storage: Index, offset: usize, shape: Vec<usize>, strides: Vec<usize> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    OrderedDict,
    RebuildTensor,
    Storage(Kind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Float,
    Long,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], TorchError> {
        let end = self.at.checked_add(length).ok_or(TorchError::Truncated)?;
        let part = self.bytes.get(self.at..end).ok_or(TorchError::Truncated)?;
        self.at = end;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], TorchError> {
        self.take(N)?.try_into().map_err(|_| TorchError::Truncated)
    }

    fn line(&mut self) -> Result<String, TorchError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().take(MAX_TEXT).position(|&byte| byte == b'\n').ok_or(TorchError::Truncated)?;
        let text = self.take(length)?;
        self.at += 1;
        String::from_utf8(text.to_vec()).map_err(|_| TorchError::Inconsistent("a name is not UTF-8"))
    }
}

/// The pickle machine: objects in an arena, a stack of indices, marks, and a memo.
#[derive(Debug, Default)]
struct Machine {
    objects: Vec<Object>,
    stack: Vec<Index>,
    marks: Vec<usize>,
    memo: HashMap<u32, Index>,
    result: Index,
}

impl Machine {
    /// Runs one pickle up to and including its stop instruction.
    fn run(reader: &mut Reader<'_>) -> Result<Self, TorchError> {
        let mut machine = Self::default();
        loop {
            let [code] = reader.array()?;
            if machine.step(code, reader)? {
                return Ok(machine);
            }
            if machine.objects.len() > MAX_OBJECTS
                || machine.stack.len() > MAX_OBJECTS
                || machine.marks.len() > MAX_TEXT
            {
                return Err(TorchError::TooLarge);
            }
        }
    }

    fn step(&mut self, code: u8, reader: &mut Reader<'_>) -> Result<bool, TorchError> {
        match code {
            0x80 => {
                if reader.array()? != [2u8] {
                    return Err(TorchError::Instruction(code));
                }
            }
            b'.' => {
                self.result = self.pop(code)?;
                return Ok(true);
            }
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Object::None),
            0x88 | 0x89 => self.push(Object::Bool),
            b'K' => {
                let [value] = reader.array()?;
                self.push(Object::Integer(value.into()));
            }
            b'M' => {
                let value = u16::from_le_bytes(reader.array()?);
                self.push(Object::Integer(value.into()));
            }
            b'J' => {
                let value = i32::from_le_bytes(reader.array()?);
                self.push(Object::Integer(value.into()));
            }
            0x8a => {
                let [length] = reader.array()?;
                let digits = reader.take(length.into())?.to_vec();
                self.push(Object::Long(digits));
            }
            b'X' => {
                let length = u32::from_le_bytes(reader.array()?) as usize;
                if length > MAX_TEXT {
                    return Err(TorchError::TooLarge);
                }
                let text = String::from_utf8(reader.take(length)?.to_vec())
                    .map_err(|_| TorchError::Inconsistent("a text is not UTF-8"))?;
                self.push(Object::Text(text));
            }
            b'}' => self.push(Object::Dictionary(vec![])),
            b']' => self.push(Object::List(vec![])),
            b')' => self.push(Object::Tuple(vec![])),
            b't' => {
                let items = self.pop_to_mark(code)?;
                self.push(Object::Tuple(items));
            }
            0x85..=0x87 => {
                let from =
                    self.stack.len().checked_sub(usize::from(code) - 0x84).ok_or(TorchError::Instruction(code))?;
                let items = self.split_off(from, code)?;
                self.push(Object::Tuple(items));
            }
            b'q' => {
                let [slot] = reader.array()?;
                self.memorise(slot.into(), code)?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(reader.array()?);
                self.memorise(slot, code)?;
            }
            b'h' => {
                let [slot] = reader.array()?;
                self.recall(slot.into(), code)?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(reader.array()?);
                self.recall(slot, code)?;
            }
            b's' => {
                let (value, key) = (self.pop(code)?, self.pop(code)?);
                self.extend_dictionary(vec![key, value], code)?;
            }
            b'u' => {
                let items = self.pop_to_mark(code)?;
                self.extend_dictionary(items, code)?;
            }
            b'a' => {
                let item = self.pop(code)?;
                self.extend_list(vec![item], code)?;
            }
            b'e' => {
                let items = self.pop_to_mark(code)?;
                self.extend_list(items, code)?;
            }
            b'c' => {
                let (module, name) = (reader.line()?, reader.line()?);
                let function = match (module.as_str(), name.as_str()) {
                    ("collections", "OrderedDict") => Function::OrderedDict,
                    ("torch._utils", "_rebuild_tensor_v2") => Function::RebuildTensor,
                    ("torch", "FloatStorage") => Function::Storage(Kind::Float),
                    ("torch", "LongStorage") => Function::Storage(Kind::Long),
                    _ => return Err(TorchError::Name(format!("{module}.{name}").chars().take(80).collect())),
                };
                self.push(Object::Function(function));
            }
            b'Q' => {
                let id = self.pop(code)?;
                let storage = self.storage(id)?;
                self.push(storage);
            }
            b'R' => {
                let (arguments, function) = (self.pop(code)?, self.pop(code)?);
                let made = self.call(function, arguments)?;
                self.push(made);
            }
            // The state of an object: only the attributes of an ordered dictionary, which are of no use here.
            b'b' => {
                self.pop(code)?;
                let target = *self.stack.last().ok_or(TorchError::Instruction(code))?;
                if !matches!(self.object(target)?, Object::Dictionary(_)) {
                    return Err(TorchError::Instruction(code));
                }
            }
            other => return Err(TorchError::Instruction(other)),
        }
        Ok(false)
    }

    fn object(&self, index: Index) -> Result<&Object, TorchError> {
        self.objects.get(index).ok_or(TorchError::Inconsistent("an object is missing"))
    }

    fn push(&mut self, object: Object) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    fn pop(&mut self, code: u8) -> Result<Index, TorchError> {
        if self.marks.last().is_some_and(|&mark| self.stack.len() <= mark) {
            return Err(TorchError::Instruction(code));
        }
        self.stack.pop().ok_or(TorchError::Instruction(code))
    }

    fn pop_to_mark(&mut self, code: u8) -> Result<Vec<Index>, TorchError> {
        let mark = self.marks.pop().ok_or(TorchError::Instruction(code))?;
        self.split_off(mark, code)
    }

    fn split_off(&mut self, from: usize, code: u8) -> Result<Vec<Index>, TorchError> {
        if from > self.stack.len() || self.marks.last().is_some_and(|&mark| from < mark) {
            return Err(TorchError::Instruction(code));
        }
        Ok(self.stack.split_off(from))
    }

    fn memorise(&mut self, slot: u32, code: u8) -> Result<(), TorchError> {
        let top = *self.stack.last().ok_or(TorchError::Instruction(code))?;
        self.memo.insert(slot, top);
        if self.memo.len() > MAX_OBJECTS { Err(TorchError::TooLarge) } else { Ok(()) }
    }

    fn recall(&mut self, slot: u32, code: u8) -> Result<(), TorchError> {
        let index = *self.memo.get(&slot).ok_or(TorchError::Instruction(code))?;
        self.stack.push(index);
        Ok(())
    }

    fn extend_dictionary(&mut self, items: Vec<Index>, code: u8) -> Result<(), TorchError> {
        let target = *self.stack.last().ok_or(TorchError::Instruction(code))?;
        let (pairs, rest) = items.as_chunks::<2>();
        match self.objects.get_mut(target) {
            Some(Object::Dictionary(entries)) if rest.is_empty() => {
                entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
                if entries.len() > MAX_OBJECTS { Err(TorchError::TooLarge) } else { Ok(()) }
            }
            _ => Err(TorchError::Instruction(code)),
        }
    }

    fn extend_list(&mut self, items: Vec<Index>, code: u8) -> Result<(), TorchError> {
        let target = *self.stack.last().ok_or(TorchError::Instruction(code))?;
        match self.objects.get_mut(target) {
            Some(Object::List(list)) => {
                list.extend(items);
                if list.len() > MAX_OBJECTS { Err(TorchError::TooLarge) } else { Ok(()) }
            }
            _ => Err(TorchError::Instruction(code)),
        }
    }

    /// A persistent identifier: `("storage", type, key, device, elements, view)`.
    fn storage(&self, id: Index) -> Result<Object, TorchError> {
        const BAD: TorchError = TorchError::Inconsistent("not the identifier of a storage");
        let Object::Tuple(items) = self.object(id)? else { return Err(BAD) };
        let &[tag, kind, key, _device, elements, view] = items.as_slice() else { return Err(BAD) };
        match (self.object(tag)?, self.object(kind)?, self.object(key)?, self.object(view)?) {
            (Object::Text(tag), Object::Function(Function::Storage(kind)), Object::Text(key), Object::None)
                if tag == "storage" =>
            {
                Ok(Object::Storage { kind: *kind, key: key.clone(), elements: self.size(elements)? })
            }
            _ => Err(BAD),
        }
    }

    fn call(&self, function: Index, arguments: Index) -> Result<Object, TorchError> {
        let Object::Tuple(arguments) = self.object(arguments)? else {
            return Err(TorchError::Inconsistent("arguments are not a tuple"));
        };
        match (self.object(function)?, arguments.as_slice()) {
            (Object::Function(Function::OrderedDict), []) => Ok(Object::Dictionary(vec![])),
            (
                Object::Function(Function::RebuildTensor),
                &[storage, offset, shape, strides, _requires_grad, _backward_hooks],
            ) => {
                let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
                if shape.len() != strides.len() || shape.len() > 8 {
                    return Err(TorchError::Inconsistent("shape and strides differ in length"));
                }
                Ok(Object::Tensor { storage, offset: self.size(offset)?, shape, strides })
            }
            _ => Err(TorchError::Inconsistent("an unknown call")),
        }
    }

    fn size(&self, index: Index) -> Result<usize, TorchError> {
        match self.object(index)? {
            Object::Integer(value) => usize::try_from(*value)
                .ok()
                .filter(|&size| size <= MAX_ELEMENTS)
                .ok_or(TorchError::Inconsistent("a size is out of range")),
            _ => Err(TorchError::Inconsistent("a size is not a number")),
        }
    }

    fn sizes(&self, index: Index) -> Result<Vec<usize>, TorchError> {
        match self.object(index)? {
            Object::Tuple(items) if items.len() <= 8 => items.iter().map(|&item| self.size(item)).collect(),
            _ => Err(TorchError::Inconsistent("a shape is not a tuple")),
        }
    }
}

/// The raw storages, by key. Those of integers are skipped over but not kept.
fn storages<'a>(
    reader: &mut Reader<'a>,
    state: &Machine,
    keys: &Machine,
) -> Result<HashMap<String, &'a [u8]>, TorchError> {
    let kinds: HashMap<&str, (Kind, usize)> = state
        .objects
        .iter()
        .filter_map(|object| match object {
            Object::Storage { kind, key, elements } => Some((key.as_str(), (*kind, *elements))),
            _ => None,
        })
        .collect();
    let Object::List(list) = keys.object(keys.result)? else {
        return Err(TorchError::Inconsistent("no list of storages"));
    };
    let mut storages = HashMap::new();
    for &key in list {
        let Object::Text(key) = keys.object(key)? else {
            return Err(TorchError::Inconsistent("the key of a storage is not a text"));
        };
        let &(kind, elements) =
            kinds.get(key.as_str()).ok_or(TorchError::Inconsistent("a storage that no tensor uses"))?;
        if u64::from_le_bytes(reader.array()?) != elements as u64 {
            return Err(TorchError::Inconsistent("a storage has another length than its tensor says"));
        }
        match kind {
            Kind::Float => {
                storages.insert(key.clone(), reader.take(elements * 4)?);
            }
            Kind::Long => {
                reader.take(elements * 8)?;
            }
        }
    }
    Ok(storages)
}

fn tensors(state: &Machine, storages: &HashMap<String, &[u8]>) -> Result<HashMap<String, Tensor>, TorchError> {
    let Object::Dictionary(entries) = state.object(state.result)? else {
        return Err(TorchError::Inconsistent("the state is not a dictionary"));
    };
    let mut total = 0usize;
    let mut tensors = HashMap::new();
    for &(name, tensor) in entries {
        let (Object::Text(name), Object::Tensor { storage, offset, shape, strides }) =
            (state.object(name)?, state.object(tensor)?)
        else {
            return Err(TorchError::Inconsistent("an entry of the state is not a named tensor"));
        };
        let Object::Storage { kind, key, .. } = state.object(*storage)? else {
            return Err(TorchError::Inconsistent("a tensor without storage"));
        };
        if *kind != Kind::Float {
            continue;
        }
        let bytes = storages.get(key).ok_or(TorchError::Inconsistent("a tensor whose storage is absent"))?;
        let values = bytes.as_chunks::<4>().0;
        let count = shape
            .iter()
            .try_fold(1usize, |product, &size| product.checked_mul(size))
            .filter(|&count| count <= values.len())
            .ok_or(TorchError::Inconsistent("a tensor is larger than its storage"))?;
        total = total.saturating_add(count);
        if total > MAX_ELEMENTS {
            return Err(TorchError::TooLarge);
        }
        // All known tensors are contiguous; a transposed one would need a reordering that nothing here uses.
        let mut expected = 1usize;
        for (&size, &stride) in shape.iter().zip(strides).rev() {
            if size != 1 && stride != expected {
                return Err(TorchError::Inconsistent("a tensor is not contiguous"));
            }
            expected = expected.saturating_mul(size);
        }
        let values = offset
            .checked_add(count)
            .and_then(|end| values.get(*offset..end))
            .ok_or(TorchError::Inconsistent("a tensor reaches beyond its storage"))?;
        let values = values.iter().map(|&four| f32::from_le_bytes(four)).collect();
        tensors.insert(name.clone(), Tensor { shape: shape.clone(), values });
    }
    Ok(tensors)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A whole legacy file with one float tensor `w` of the given shape over `values`.
    fn file(shape: &[u8], values: &[f32]) -> Vec<u8> {
        let mut out = b"\x80\x02\x8a\x0a".to_vec();
        out.extend(MAGIC);
        out.extend(b".\x80\x02M\xe9\x03.\x80\x02}.");
        out.extend(b"\x80\x02ccollections\nOrderedDict\n)R(X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n");
        out.extend(b"((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK");
        out.push(values.len() as u8);
        out.extend(b"NtQK\0(");
        shape.iter().for_each(|&size| out.extend([b'K', size]));
        out.extend(b"t(");
        for i in 0..shape.len() {
            out.extend([b'K', shape[i + 1..].iter().product()]);
        }
        out.extend(b"t\x89ccollections\nOrderedDict\n)RtRu.");
        out.extend(b"\x80\x02](X\x01\0\0\x000e.");
        out.extend((values.len() as u64).to_le_bytes());
        values.iter().for_each(|value| out.extend(value.to_le_bytes()));
        out
    }

    #[test]
    fn one_tensor() {
        let tensors = read(&file(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).unwrap();
        assert_eq!(tensors["w"], Tensor { shape: vec![2, 3], values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] });
    }

    #[test]
    fn refuses_what_would_run_code() {
        let mut bytes = file(&[1], &[1.0]);
        let at = bytes.windows(11).position(|part| part == b"OrderedDict").unwrap() - 12;
        bytes.splice(at..at + 23, *b"os\nsystem");
        assert_eq!(read(&bytes), Err(TorchError::Name("os.system".into())));
    }

    #[test]
    fn refuses_a_tensor_beyond_its_storage() {
        assert!(matches!(read(&file(&[2, 3], &[1.0, 2.0])), Err(TorchError::Inconsistent(_))));
        let whole = file(&[2], &[1.0, 2.0]);
        assert_eq!(read(&whole[..whole.len() - 1]), Err(TorchError::Truncated));
        assert_eq!(read(b""), Err(TorchError::Truncated));
    }

    proptest! {
        #[test]
        fn never_panics_on_noise(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
        }

        #[test]
        fn never_panics_on_a_changed_file(changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6), cut in any::<usize>()) {
            let mut bytes = file(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
            for (at, value) in changes {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            let _ = read(&bytes);
            bytes.truncate(cut % bytes.len());
            let _ = read(&bytes);
        }

        #[test]
        fn never_panics_on_instructions(codes in proptest::collection::vec(proptest::sample::select(b"(.NK}])t\x85\x86\x87qrhjsuaeQRbX\x8a".to_vec()), 0..200)) {
            let _ = Machine::run(&mut Reader { bytes: &codes, at: 0 });
        }
    }
}
