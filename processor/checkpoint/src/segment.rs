//! Record batches to the bytes of an Arrow IPC file, and back.
//!
//! Uncompressed: any Arrow tool reads it, and the critical path has no codec that could fail in its own ways. Bytes are
//! decoded only after their digest was compared, so a decoding error means a defect and not a bad disk.

use std::io::Cursor;

use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;

/// The bytes of an Arrow IPC file with these batches, all of `schema`. No batches give a file with the schema alone.
pub fn encode(schema: &Schema, batches: &[RecordBatch]) -> Result<Vec<u8>, ArrowError> {
    let bytes: usize = batches.iter().map(RecordBatch::get_array_memory_size).sum();
    let mut writer = FileWriter::try_new(Vec::with_capacity(bytes + 1024), schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.into_inner()
}

/// The batches in the bytes of an Arrow IPC file.
pub fn decode(bytes: &[u8]) -> Result<Vec<RecordBatch>, ArrowError> {
    FileReader::try_new(Cursor::new(bytes), None)?.collect()
}
