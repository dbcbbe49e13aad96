// SPDX-License-Identifier: GPL-2.0-or-later
//
// The library for C (C11), and for every language that calls C. The shared library has these
// functions and no others. The way through it is
//
//   qcow2stream_disk_open() -> qcow2stream_survey() -> qcow2stream_image_read() or _emit()
//   qcow2stream_target_open() -> qcow2stream_restore_new() -> _add_stream() -> _finish()
//
// Failures. A function that can fail has `error` as its last parameter and returns NULL or -1 then,
// and `*error` is an error that the caller frees with qcow2stream_error_free(). Where it succeeds,
// `*error` is NULL. `error` itself may be NULL. No function throws, ends the process or prints
// anything (but for traces, if the environment has QCOW2STREAM_TRACE=1), also not when memory is
// short. NULL in place of a handle or a text is QCOW2STREAM_ERROR_USAGE.
//
// Handles are opaque. Each belongs to the caller, who frees it with the function of its type;
// NULL may be freed. An image keeps what it needs of its disk, so that a disk may be freed before
// the images that were made of it.
//
// Threads. Functions that take a pointer to const may be called for the same handle by any number
// of threads at once; all others, and those that free, by one thread at a time that has the handle
// for itself. Nothing of this may be used in a child process after fork(), and no thread may be
// cancelled (pthread_cancel) within these functions.
//
// Units. Sizes, lengths and offsets are in bytes. Texts end with a 0; those that are returned
// belong to the handle that they come from, and are valid until that is freed.
//
// The ABI. Options and measurements are asked for by name, so that new ones change nothing that is
// compiled; a structure begins with its size, as the caller knows it. Names and numbers stay, and
// new ones may come: treat numbers of an enumeration that you do not know as the first one.

#ifndef QCOW2STREAM_C_H
#define QCOW2STREAM_C_H

// NOLINTBEGIN: this is C.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct qcow2stream_error qcow2stream_error;
typedef struct qcow2stream_options qcow2stream_options;
typedef struct qcow2stream_disk qcow2stream_disk;
typedef struct qcow2stream_image qcow2stream_image;
typedef struct qcow2stream_target qcow2stream_target;
typedef struct qcow2stream_restore qcow2stream_restore;

// The version of the library that is loaded: three numbers with dots between them.
const char* qcow2stream_version(void);

// --- errors -------------------------------------------------------------------------------------

enum qcow2stream_error_kind {
  QCOW2STREAM_ERROR_FAILED = 1,    // could not be done: input, output, a limit of the format
  QCOW2STREAM_ERROR_USAGE = 2,     // parameters or options that make no sense, whatever the disk
  QCOW2STREAM_ERROR_CHANGED = 3,   // the disk is not what it was: what was read of it is no image
  QCOW2STREAM_ERROR_MISMATCH = 4,  // the image, plan or base is not the one that was asked for
  QCOW2STREAM_ERROR_DAMAGED = 5,   // an image that is restored is damaged, or not what was expected
  QCOW2STREAM_ERROR_NO_MEMORY = 6,  // there is not enough memory
  QCOW2STREAM_ERROR_CANCELLED = 7,  // a progress function wanted an end
  QCOW2STREAM_ERROR_INTERNAL = 8    // a defect of the library
};

enum qcow2stream_error_kind qcow2stream_error_get_kind(const qcow2stream_error* error);
// One line without a newline, "NAME: what failed: reason", and its parts, which may be empty.
const char* qcow2stream_error_message(const qcow2stream_error* error);
const char* qcow2stream_error_name(const qcow2stream_error* error);
const char* qcow2stream_error_what_failed(const qcow2stream_error* error);
const char* qcow2stream_error_reason(const qcow2stream_error* error);
// The number that the system gave (errno); 0 where it gave none.
int qcow2stream_error_errno(const qcow2stream_error* error);
// Whether it is about one byte of the disk or the output; then `*offset` is where that is.
bool qcow2stream_error_offset(const qcow2stream_error* error, uint64_t* offset);
// What it is about: "disk", "output", "target", "image", "spool", "list", "plan", "manifest", or
// "other".
const char* qcow2stream_error_subject(const qcow2stream_error* error);
// What may help: the name of an option ("force-share", "no-extents", "cluster-size",
// "dirty-bitmap", "assume-unchanged", "spool-dir", "spool-memory", "input-format", "overwrite",
// "apply", "ignore-root", "trust-target"), or "save-plan", "read-with-qemu", "ignore-names",
// "name-image", or "" for nothing. Of a cluster size and of a spool `*number` is how much;
// otherwise 0. `number` may be NULL.
const char* qcow2stream_error_advice(const qcow2stream_error* error, uint64_t* number);
void qcow2stream_error_free(qcow2stream_error* error);

// --- options ------------------------------------------------------------------------------------

// What is known about a disk, what its image is to look like, and how a restore is done. One set
// serves for all: each function uses what concerns it. Without any, everything has its default.
qcow2stream_options* qcow2stream_options_new(qcow2stream_error** error);
// Sets one. The names, values and meanings are those of the programs' long options (man
// qcow2-to-stdout, qcow2-from-stdin): "cluster-size" "65536". Sizes are in bytes and in decimal
// digits only. An option that takes no value there takes "true" or "false" here; one whose value
// may be left out there takes "" for that. A later value replaces an earlier one. Fails with
// QCOW2STREAM_ERROR_USAGE for a name that is not known and for a value that makes no sense.
int qcow2stream_options_set(qcow2stream_options* options, const char* name, const char* value,
                            qcow2stream_error** error);
void qcow2stream_options_free(qcow2stream_options* options);
// The names that this library knows, for each index from 0 on; NULL behind the last one.
const char* qcow2stream_option_name(size_t index);

// --- disks --------------------------------------------------------------------------------------

// All of these take as options: input-format, snapshot, force-share, isolate, bitmaps,
// dirty-bitmap, shallow (with the cluster-size, extended-l2 and compress that the image will have),
// connections, requests, timeout. `options` may be NULL and is not needed afterwards.
//
// A disk may have processes of its own, which end with it.

// A file or a block device. Without input-format it is a raw disk; one that begins as an image of
// another format is refused then, with the advice "input-format". "qcow2" is read by the library
// itself, other formats by QEMU.
qcow2stream_disk* qcow2stream_disk_open(const char* path, const qcow2stream_options* options,
                                        qcow2stream_error** error);
// The export of an NBD server.
qcow2stream_disk* qcow2stream_disk_open_nbd(const char* uri, const qcow2stream_options* options,
                                            qcow2stream_error** error);
// A program that serves NBD on a socket that it is given (nbdkit, qemu-nbd): its words, and NULL.
qcow2stream_disk* qcow2stream_disk_open_program(const char* const* command,
                                                const qcow2stream_options* options,
                                                qcow2stream_error** error);
// A block node as QEMU's --blockdev describes it in JSON.
qcow2stream_disk* qcow2stream_disk_open_node(const char* blockdev,
                                             const qcow2stream_options* options,
                                             qcow2stream_error** error);
// What is open as `fd`, which may be closed afterwards. What can be sought and stands at its first
// byte is a file. All else is read to its end now, and kept without its zeros in a file without a
// name in `spool-dir` ($TMPDIR or /var/tmp); `size` says how many bytes must come. `name` is what
// messages call it.
qcow2stream_disk* qcow2stream_disk_open_descriptor(int fd, const char* name,
                                                   const qcow2stream_options* options,
                                                   qcow2stream_error** error);

// A disk of the caller's own. All functions but `close` may be called by any thread, by several at
// once, at any time until `close` is called. They return 0, or the number of an error (errno),
// which becomes QCOW2STREAM_ERROR_FAILED with that number.
typedef struct qcow2stream_disk_functions {
  size_t struct_size;  // sizeof(qcow2stream_disk_functions)
  // Fills `buffer` with the `length` bytes at `offset`, all of which lie within the disk.
  int (*read)(void* context, uint64_t offset, void* buffer, size_t length);
  // May be NULL: all of it is data. Says what begins at `offset`: sets `*length` to at least 1 (it
  // may go beyond the end of the disk), and `*is_zeros` to whether all of that reads as zeros.
  int (*run)(void* context, uint64_t offset, uint64_t* length, bool* is_zeros);
  // May be NULL: nobody can tell. Sets `*has_changed` to whether the disk is not what it was when
  // it was opened.
  int (*has_changed)(void* context, bool* has_changed);
  // May be NULL. Nothing of the disk is used any more: it was freed, and so were its images.
  void (*close)(void* context);
} qcow2stream_disk_functions;

// Calls none of the functions; where it fails, none is ever called. `functions` is not needed
// afterwards.
qcow2stream_disk* qcow2stream_disk_open_own(const qcow2stream_disk_functions* functions,
                                            void* context, const char* name, uint64_t size,
                                            qcow2stream_error** error);

uint64_t qcow2stream_disk_size(const qcow2stream_disk* disk);
// What messages call it.
const char* qcow2stream_disk_name(const qcow2stream_disk* disk);
// What a user should know before trusting in the content, one line each without the disk's name,
// for each index from 0 on; NULL behind the last one.
const char* qcow2stream_disk_caveat(const qcow2stream_disk* disk, size_t index);
// Fills `buffer` with what begins at `offset`. Returns how many bytes that are: fewer than `length`
// only at the end of the disk, 0 behind it; or -1.
int64_t qcow2stream_disk_read(const qcow2stream_disk* disk, uint64_t offset, void* buffer,
                              size_t length, qcow2stream_error** error);
void qcow2stream_disk_free(qcow2stream_disk* disk);

// --- images -------------------------------------------------------------------------------------

// Is told how far a function is, a few times a second and at the end, in the thread that called
// that function. A `total` of 0 is not known yet. Returns 0 to go on; anything else ends the
// function soon, with QCOW2STREAM_ERROR_CANCELLED. Must not return by longjmp or an exception.
typedef int (*qcow2stream_progress)(void* context, uint64_t done, uint64_t total);

// Finds which clusters of the disk need space, and lays the image out: from here on its size and
// each of its bytes are fixed. May take as long as reading the disk. `base` is NULL, or a disk: the
// image is an increment then, of what differs from that; otherwise it is one where the disk was
// opened with dirty-bitmap or shallow, or with changed-map or base-manifest. `options`, `progress`
// may be NULL.
//
// Options: cluster-size, refcount-bits, qcow2-version, extended-l2, compress, deflate-window,
// data-file, data-file-raw, backing-file, backing-format, bitmaps; scan, map, base-map, no-extents,
// changed-map, base-manifest, allow-changes; threads, spool-memory, spool-dir; limit-rate; flush
// (of qcow2stream_emit()).
qcow2stream_image* qcow2stream_survey(const qcow2stream_disk* disk, const qcow2stream_disk* base,
                                      const qcow2stream_options* options,
                                      qcow2stream_progress progress, void* context,
                                      qcow2stream_error** error);

// The image of a plan, without a survey. QCOW2STREAM_ERROR_MISMATCH if it is that of another disk.
// Where a disk does not tell whether it has changed, or did not when the plan was made, and the
// plan has digests of its content, only qcow2stream_emit() can find out; reading is an error then
// without assume-unchanged. Where the image leaves out what no file system uses, qcow2stream_emit()
// reads again what says so. Options: assume-unchanged, allow-changes, flush, limit-rate, threads.
qcow2stream_image* qcow2stream_image_open_plan(const qcow2stream_disk* disk, const char* path,
                                               const qcow2stream_options* options,
                                               qcow2stream_error** error);
// Writes the plan of the image to `fd`, from where that stands. `fd` is not closed.
int qcow2stream_image_save_plan(const qcow2stream_image* image, int fd, qcow2stream_error** error);

uint64_t qcow2stream_image_size(const qcow2stream_image* image);
// Two images with the same id are the same, as far as the disk tells. The first call takes time in
// proportion to the clusters with data. NULL where it fails.
const char* qcow2stream_image_id(const qcow2stream_image* image, qcow2stream_error** error);
// Sets `*value` to a number that is known of the image: "required" (its size), "fully-allocated",
// "virtual-size" (of the disk, rounded up to 512), each in bytes; "data-clusters", "zero-clusters",
// "compressed-clusters", "unallocated-clusters", of the disk; "compressed-bytes";
// "detects-changes" (1 where a disk that is overwritten is noticed).
int qcow2stream_image_measure(const qcow2stream_image* image, const char* name, uint64_t* value,
                              qcow2stream_error** error);
// The names that this library knows, for each index from 0 on; NULL behind the last one.
const char* qcow2stream_measure_name(size_t index);

// Fills `buffer` with the image's bytes from `offset` on, any part of it in any order. Returns how
// many: fewer than `length` only at the end of the image, 0 behind it; or -1. What it returns is
// right: a disk that has changed by then is QCOW2STREAM_ERROR_CHANGED (unless the image has
// allow-changes), as far as the disk tells.
int64_t qcow2stream_image_read(const qcow2stream_image* image, uint64_t offset, void* buffer,
                               size_t length, qcow2stream_error** error);
// Writes `length` bytes of the image from `offset` on to `fd`, a pipe, a file, a socket or a block
// device, from where that stands; `fd` is not closed. The kernel moves what it can. UINT64_MAX as
// `length`: to the end of the image. The last piece is written when the disk was seen to be
// unchanged, so what fails has written less. `progress` may be NULL.
int qcow2stream_emit(const qcow2stream_image* image, uint64_t offset, uint64_t length, int fd,
                     qcow2stream_progress progress, void* context, qcow2stream_error** error);
void qcow2stream_image_free(qcow2stream_image* image);

// --- restoring ----------------------------------------------------------------------------------

// Where a disk is restored to. Nothing is written yet; a target that is freed before the restore
// has finished it has been abandoned: a new file never gets its name, and a device does not look
// like a disk. `options` may be NULL and is not needed afterwards.

// A regular file or a block device. Options: overwrite, target-is-zero, force-share; apply,
// skip-equal or compare, as qcow2stream_restore_new() gets them.
qcow2stream_target* qcow2stream_target_open(const char* path, const qcow2stream_options* options,
                                            qcow2stream_error** error);
// The export of an NBD server. Options: the same without overwrite, and connections, requests,
// timeout.
qcow2stream_target* qcow2stream_target_open_nbd(const char* uri, const qcow2stream_options* options,
                                                qcow2stream_error** error);
// The raw disk in order, to `fd`, which must stay open and is not closed. Options: spool-memory,
// spool-dir.
qcow2stream_target* qcow2stream_target_open_descriptor(int fd, const char* name,
                                                       const qcow2stream_options* options,
                                                       qcow2stream_error** error);
void qcow2stream_target_free(qcow2stream_target* target);

// Begins a restore. The target belongs to it from here on, also where this fails. Options: apply,
// skip-equal, compare, no-sparse, max-size, isolate, limit-rate, threads, spool-memory, spool-dir;
// manifest, base-manifest, expect-root, ignore-root, trust-target.
qcow2stream_restore* qcow2stream_restore_new(qcow2stream_target* target,
                                             const qcow2stream_options* options,
                                             qcow2stream_error** error);
// Reads an image from `fd` to its end; `fd` is not closed. The first one is a full image, or with
// `apply` an increment of what the target holds; each other one is an increment of all before it.
// `is_last`: no other one follows. `name` is what messages call it. `done` of `progress`, which may
// be NULL, counts the bytes of streams, and its `total` is 0.
int qcow2stream_restore_add_stream(qcow2stream_restore* restore, int fd, const char* name,
                                   bool is_last, qcow2stream_progress progress, void* context,
                                   qcow2stream_error** error);
// Restores what a disk shows, first and only. `progress`, which may be NULL, counts its bytes.
int qcow2stream_restore_add_disk(qcow2stream_restore* restore, const qcow2stream_disk* disk,
                                 qcow2stream_progress progress, void* context,
                                 qcow2stream_error** error);
// All images were there and were right: flushes, and finishes the target. Only
// qcow2stream_restore_number() and qcow2stream_restore_free() may be called afterwards; after an
// error of any of these functions, only the latter.
int qcow2stream_restore_finish(qcow2stream_restore* restore, qcow2stream_error** error);
// What became of it, in bytes, when it is finished: "disk-size", "written", "zeroed", "equal",
// "different".
int qcow2stream_restore_number(const qcow2stream_restore* restore, const char* name,
                               uint64_t* value, qcow2stream_error** error);
void qcow2stream_restore_free(qcow2stream_restore* restore);

#ifdef __cplusplus
}
#endif

// NOLINTEND

#endif
