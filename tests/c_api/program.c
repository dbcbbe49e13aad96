// SPDX-License-Identifier: GPL-2.0-or-later
//
// The library as a program in C11 uses it. Works in the current directory, which is empty, and
// leaves files there that a script compares with what the commands make. Says on standard output
// what could not be tried.

#define _DEFAULT_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "qcow2stream/c.h"

#define K (UINT64_C(1) << 10)
#define M (UINT64_C(1) << 20)
#define DISK_SIZE (40 * M + 512)

#define CHECK(condition)                                                                   \
  do {                                                                                     \
    if (!(condition)) {                                                                    \
      fprintf(stderr, "FAIL: %s:%d: %s\n", __FILE__, __LINE__, #condition);                \
      if (error != NULL) fprintf(stderr, "error: %s\n", qcow2stream_error_message(error)); \
      exit(1);                                                                             \
    }                                                                                      \
  } while (0)

static qcow2stream_error* error = NULL;

static void* memory(size_t size) {
  void* result = malloc(size);
  CHECK(result != NULL);
  return result;
}

// Whether the last call has failed of this kind. Frees the error.
static bool failed_of(enum qcow2stream_error_kind kind) {
  const bool result = error != NULL && qcow2stream_error_get_kind(error) == kind;
  if (!result) return false;
  CHECK(strlen(qcow2stream_error_message(error)) > 0);
  CHECK(strchr(qcow2stream_error_message(error), '\n') == NULL);
  qcow2stream_error_free(error);
  error = NULL;
  return true;
}

static int create(const char* path) {
  const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  CHECK(fd >= 0);
  return fd;
}

// Data in some places, zeros and holes in others.
static void make_disk(const char* path) {
  const int fd = create(path);
  unsigned char* bytes = memory(M);
  for (size_t i = 0; i < M; ++i) bytes[i] = (unsigned char)(i * 2654435761U >> 13);
  CHECK(ftruncate(fd, DISK_SIZE) == 0);
  CHECK(pwrite(fd, bytes, M, 0) == (ssize_t)M);
  CHECK(pwrite(fd, bytes, 300 * K, 5 * M + 1000) == (ssize_t)(300 * K));
  CHECK(pwrite(fd, bytes, 512, DISK_SIZE - 512) == 512);
  memset(bytes, 0, M);
  CHECK(pwrite(fd, bytes, M, 20 * M) == (ssize_t)M);
  free(bytes);
  close(fd);
}

static qcow2stream_options* options_of(const char* const* names_and_values) {
  qcow2stream_options* options = qcow2stream_options_new(&error);
  CHECK(options != NULL && error == NULL);
  for (; *names_and_values != NULL; names_and_values += 2) {
    CHECK(qcow2stream_options_set(options, names_and_values[0], names_and_values[1], &error) == 0);
  }
  return options;
}

static qcow2stream_image* image_of(const char* path, const qcow2stream_options* options) {
  qcow2stream_disk* disk = qcow2stream_disk_open(path, options, &error);
  CHECK(disk != NULL && error == NULL);
  qcow2stream_image* image = qcow2stream_survey(disk, NULL, options, NULL, NULL, &error);
  CHECK(image != NULL && error == NULL);
  qcow2stream_disk_free(disk);  // the image keeps what it needs
  return image;
}

static unsigned char* all_of(const qcow2stream_image* image) {
  const uint64_t size = qcow2stream_image_size(image);
  unsigned char* bytes = memory(size + 1);
  CHECK(qcow2stream_image_read(image, 0, bytes, size + 1, &error) == (int64_t)size);
  return bytes;
}

static bool equal(const qcow2stream_image* one, const qcow2stream_image* other) {
  if (qcow2stream_image_size(one) != qcow2stream_image_size(other)) return false;
  unsigned char* bytes = all_of(one);
  unsigned char* others = all_of(other);
  const bool result = memcmp(bytes, others, qcow2stream_image_size(one)) == 0;
  free(bytes);
  free(others);
  return result;
}

// --- options ------------------------------------------------------------------------------------

static void test_options(void) {
  qcow2stream_options* options = qcow2stream_options_new(&error);
  CHECK(options != NULL);
  CHECK(qcow2stream_options_set(options, "cluster-size", "4096", &error) == 0);
  CHECK(qcow2stream_options_set(options, "cluster-size", "4k", &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_options_set(options, "no-such-option", "1", &error) == -1);
  CHECK(strcmp(qcow2stream_error_name(error), "no-such-option") == 0);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_options_set(options, "extended-l2", "yes", &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  // Nobody has to look at errors.
  CHECK(qcow2stream_options_set(options, "threads", "-1", NULL) == -1);
  CHECK(qcow2stream_options_set(NULL, "threads", "1", &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_options_set(options, NULL, "1", &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_options_set(options, "threads", NULL, &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  qcow2stream_options_free(options);
  size_t count = 0;
  while (qcow2stream_option_name(count) != NULL) ++count;
  CHECK(count > 30 && qcow2stream_option_name(count + 1000) == NULL);
  CHECK(strchr(qcow2stream_version(), '.') != NULL);
}

static void test_nothing_is_given(void) {
  uint64_t value = 0;
  CHECK(qcow2stream_disk_open(NULL, NULL, &error) == NULL);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_survey(NULL, NULL, NULL, NULL, NULL, &error) == NULL);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_image_read(NULL, 0, &value, 1, &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_emit(NULL, 0, 1, 1, NULL, NULL, &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_image_id(NULL, &error) == NULL && failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_restore_new(NULL, NULL, &error) == NULL);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_restore_finish(NULL, &error) == -1 && failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_disk_open_own(NULL, NULL, "own", 1, &error) == NULL);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_image_size(NULL) == 0 && qcow2stream_disk_size(NULL) == 0);
  CHECK(qcow2stream_error_errno(NULL) == 0 && qcow2stream_error_message(NULL) != NULL);
  qcow2stream_error_free(NULL);
  qcow2stream_options_free(NULL);
  qcow2stream_disk_free(NULL);
  qcow2stream_image_free(NULL);
  qcow2stream_target_free(NULL);
  qcow2stream_restore_free(NULL);
}

// --- images -------------------------------------------------------------------------------------

static int count_calls(void* context, uint64_t done, uint64_t total) {
  CHECK(total == 0 || done <= total);
  ++*(int*)context;
  return 0;
}

static void test_image_of_a_file(void) {
  qcow2stream_disk* disk = qcow2stream_disk_open("disk.raw", NULL, &error);
  CHECK(disk != NULL && error == NULL);
  CHECK(qcow2stream_disk_size(disk) == DISK_SIZE);
  CHECK(strcmp(qcow2stream_disk_name(disk), "disk.raw") == 0);
  CHECK(qcow2stream_disk_caveat(disk, 1000) == NULL);
  char bytes[1024];
  CHECK(qcow2stream_disk_read(disk, DISK_SIZE - 512, bytes, sizeof bytes, &error) == 512);
  CHECK(qcow2stream_disk_read(disk, DISK_SIZE + 512, bytes, sizeof bytes, &error) == 0);

  int calls = 0;
  qcow2stream_image* image = qcow2stream_survey(disk, NULL, NULL, count_calls, &calls, &error);
  CHECK(image != NULL && calls >= 1);
  uint64_t value = 0;
  CHECK(qcow2stream_image_measure(image, "required", &value, &error) == 0);
  CHECK(value == qcow2stream_image_size(image));
  CHECK(qcow2stream_image_measure(image, "virtual-size", &value, &error) == 0);
  CHECK(value == DISK_SIZE);
  for (size_t i = 0; qcow2stream_measure_name(i) != NULL; ++i) {
    CHECK(qcow2stream_image_measure(image, qcow2stream_measure_name(i), &value, &error) == 0);
  }
  CHECK(qcow2stream_image_measure(image, "weight", &value, &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  const char* id = qcow2stream_image_id(image, &error);
  CHECK(id != NULL && strlen(id) > 32 && qcow2stream_image_id(image, &error) == id);

  int fd = create("id");
  CHECK(write(fd, id, strlen(id)) == (ssize_t)strlen(id));
  close(fd);
  calls = 0;
  fd = create("emitted.qcow2");
  CHECK(qcow2stream_emit(image, 0, UINT64_MAX, fd, count_calls, &calls, &error) == 0);
  CHECK(calls >= 1);
  CHECK(lseek(fd, 0, SEEK_CUR) == (off_t)qcow2stream_image_size(image));
  close(fd);
  // In two halves, and what is not there.
  const uint64_t half = qcow2stream_image_size(image) / 2 + 1;
  fd = create("halves.qcow2");
  CHECK(lseek(fd, (off_t)half, SEEK_SET) == (off_t)half);
  CHECK(qcow2stream_emit(image, half, UINT64_MAX, fd, NULL, NULL, &error) == 0);
  CHECK(lseek(fd, 0, SEEK_SET) == 0);
  CHECK(qcow2stream_emit(image, 0, half, fd, NULL, NULL, &error) == 0);
  close(fd);
  CHECK(qcow2stream_emit(image, half, half, 1, NULL, NULL, &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_emit(image, 0, 1, -1, NULL, NULL, &error) == -1);
  CHECK(qcow2stream_error_errno(error) == EBADF || qcow2stream_error_errno(error) == 0);
  CHECK(failed_of(QCOW2STREAM_ERROR_FAILED));
  CHECK(qcow2stream_image_read(image, 0, NULL, 1, &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_image_read(image, UINT64_MAX, bytes, sizeof bytes, &error) == 0);
  qcow2stream_image_free(image);
  qcow2stream_disk_free(disk);
}

// Whoever reads into a pipe that nobody reads any more is told so, and lives.
static void test_closed_pipe(void) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  close(ends[0]);
  qcow2stream_image* image = image_of("disk.raw", NULL);
  CHECK(qcow2stream_emit(image, 0, UINT64_MAX, ends[1], NULL, NULL, &error) == -1);
  CHECK(qcow2stream_error_errno(error) == EPIPE);
  CHECK(strcmp(qcow2stream_error_subject(error), "output") == 0);
  CHECK(failed_of(QCOW2STREAM_ERROR_FAILED));
  close(ends[1]);
  qcow2stream_image_free(image);
}

static void test_plan(void) {
  qcow2stream_image* image = image_of("disk.raw", NULL);
  const int fd = create("plan");
  CHECK(qcow2stream_image_save_plan(image, fd, &error) == 0);
  close(fd);
  qcow2stream_disk* disk = qcow2stream_disk_open("disk.raw", NULL, &error);
  qcow2stream_image* again = qcow2stream_image_open_plan(disk, "plan", NULL, &error);
  CHECK(again != NULL && equal(image, again));
  CHECK(qcow2stream_image_open_plan(disk, "disk.raw", NULL, &error) == NULL);
  CHECK(strcmp(qcow2stream_error_subject(error), "plan") == 0);
  CHECK(failed_of(QCOW2STREAM_ERROR_FAILED));
  CHECK(qcow2stream_image_open_plan(disk, "no such plan", NULL, &error) == NULL);
  CHECK(qcow2stream_error_errno(error) == ENOENT && failed_of(QCOW2STREAM_ERROR_FAILED));
  qcow2stream_image_free(again);
  qcow2stream_image_free(image);
  qcow2stream_disk_free(disk);
}

static void test_changed_disk(void) {
  make_disk("changing.raw");
  qcow2stream_image* image = image_of("changing.raw", NULL);
  const char* const allow[] = {"allow-changes", "true", NULL};
  qcow2stream_options* options = options_of(allow);
  qcow2stream_image* patient = image_of("changing.raw", options);
  char byte = 'x';
  const int fd = open("changing.raw", O_WRONLY | O_CLOEXEC);
  CHECK(pwrite(fd, &byte, 1, 0) == 1 && ftruncate(fd, DISK_SIZE + 512) == 0);
  close(fd);
  CHECK(qcow2stream_image_read(image, 0, &byte, 1, &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_CHANGED));
  CHECK(qcow2stream_image_read(patient, 0, &byte, 1, &error) == 1);
  qcow2stream_image_free(image);
  qcow2stream_image_free(patient);
  qcow2stream_options_free(options);
}

// --- many threads -------------------------------------------------------------------------------

typedef struct part {
  const qcow2stream_image* image;
  const unsigned char* expected;
  unsigned seed;
} part;

static void* read_parts(void* context) {
  const part* mine = context;
  const uint64_t size = qcow2stream_image_size(mine->image);
  unsigned char* bytes = memory(100 * K);
  unsigned state = mine->seed;
  for (int i = 0; i < 40; ++i) {
    state = state * 1664525U + 1013904223U;
    const uint64_t offset = state % size;
    const uint64_t length = 1 + state % (100 * K);
    const uint64_t there = length < size - offset ? length : size - offset;
    qcow2stream_error* mine_error = NULL;
    if (qcow2stream_image_read(mine->image, offset, bytes, length, &mine_error) != (int64_t)there ||
        memcmp(bytes, mine->expected + offset, there) != 0 ||
        qcow2stream_image_id(mine->image, &mine_error) == NULL) {
      free(bytes);
      return "other bytes";
    }
  }
  free(bytes);
  return NULL;
}

static void test_many_threads(const char* compress) {
  const char* const said[] = {"compress", compress, "spool-memory", "65536", NULL};
  qcow2stream_options* options = compress == NULL ? NULL : options_of(said);
  qcow2stream_image* image = image_of("disk.raw", options);
  unsigned char* expected = all_of(image);
  enum { THREADS = 6 };
  pthread_t threads[THREADS];
  part parts[THREADS];
  for (unsigned i = 0; i < THREADS; ++i) {
    parts[i] = (part){.image = image, .expected = expected, .seed = i + 1};
    CHECK(pthread_create(&threads[i], NULL, read_parts, &parts[i]) == 0);
  }
  for (unsigned i = 0; i < THREADS; ++i) {
    void* problem = NULL;
    CHECK(pthread_join(threads[i], &problem) == 0 && problem == NULL);
  }
  free(expected);
  qcow2stream_image_free(image);
  qcow2stream_options_free(options);
}

// --- other disks --------------------------------------------------------------------------------

typedef struct own {
  uint64_t fails_at;  // reads from here on
  bool has_changed;
  bool is_odd;  // says that a run is empty
  int closed;
} own;

// Reads are of disk.raw.
static int own_read(void* context, uint64_t offset, void* buffer, size_t length) {
  const own* self = context;
  if (offset + length > self->fails_at) return EIO;
  const int fd = open("disk.raw", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const ssize_t count = pread(fd, buffer, length, (off_t)offset);
  close(fd);
  return count == (ssize_t)length ? 0 : EIO;
}

static int own_run(void* context, uint64_t offset, uint64_t* length, bool* is_zeros) {
  const own* self = context;
  if (self->is_odd) return *length = 0, 0;
  *is_zeros = offset >= 10 * M && offset < 19 * M;
  if (offset < 10 * M) {
    *length = 10 * M - offset;
  } else {
    *length = *is_zeros ? 19 * M - offset : UINT64_MAX;
  }
  return 0;
}

static int own_has_changed(void* context, bool* has_changed) {
  *has_changed = ((const own*)context)->has_changed;
  return 0;
}

static void own_close(void* context) {
  ++((own*)context)->closed;
}

static const qcow2stream_disk_functions own_functions = {
    .struct_size = sizeof(qcow2stream_disk_functions),
    .read = own_read,
    .run = own_run,
    .has_changed = own_has_changed,
    .close = own_close,
};

static qcow2stream_disk* open_own(own* self) {
  qcow2stream_disk* disk =
      qcow2stream_disk_open_own(&own_functions, self, "own", DISK_SIZE, &error);
  CHECK(disk != NULL && error == NULL);
  return disk;
}

static void test_own_disk(void) {
  own self = {.fails_at = UINT64_MAX};
  qcow2stream_disk* disk = open_own(&self);
  qcow2stream_image* image = qcow2stream_survey(disk, NULL, NULL, NULL, NULL, &error);
  CHECK(image != NULL);
  qcow2stream_disk_free(disk);
  CHECK(self.closed == 0);
  qcow2stream_image* same = image_of("disk.raw", NULL);
  CHECK(equal(image, same));
  self.has_changed = true;
  char byte = 0;
  CHECK(qcow2stream_image_read(image, 0, &byte, 1, &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_CHANGED));
  qcow2stream_image_free(image);
  CHECK(self.closed == 1);
  qcow2stream_image_free(same);

  qcow2stream_disk_functions wrong = own_functions;
  wrong.read = NULL;
  CHECK(qcow2stream_disk_open_own(&wrong, &self, "own", 1, &error) == NULL);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  wrong = own_functions;
  wrong.struct_size = 0;
  CHECK(qcow2stream_disk_open_own(&wrong, &self, "own", 1, &error) == NULL);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(self.closed == 1);
}

// What a function of the caller fails of is an error of ours, in whatever thread that was.
static void test_own_disk_fails(void) {
  own self = {.fails_at = 3 * M};
  qcow2stream_disk* disk = open_own(&self);
  const char* const said[] = {"compress", "zlib", NULL};
  qcow2stream_options* options = options_of(said);
  CHECK(qcow2stream_survey(disk, NULL, options, NULL, NULL, &error) == NULL);
  uint64_t offset = 0;
  CHECK(qcow2stream_error_errno(error) == EIO && qcow2stream_error_offset(error, &offset));
  CHECK(strcmp(qcow2stream_error_subject(error), "disk") == 0 && offset < DISK_SIZE);
  CHECK(failed_of(QCOW2STREAM_ERROR_FAILED));
  self.fails_at = UINT64_MAX;
  self.is_odd = true;
  CHECK(qcow2stream_survey(disk, NULL, options, NULL, NULL, &error) == NULL);
  CHECK(failed_of(QCOW2STREAM_ERROR_FAILED));
  qcow2stream_options_free(options);
  qcow2stream_disk_free(disk);
  CHECK(self.closed == 1);
}

static int slow_read(void* context, uint64_t offset, void* buffer, size_t length) {
  usleep(50 * 1000);
  return own_read(context, offset, buffer, length);
}

static int cancel(void* context, uint64_t done, uint64_t total) {
  (void)done, (void)total;
  ++*(int*)context;
  return 1;
}

// The survey would take seconds. It ends soon, and can be made again.
static void test_cancelled(void) {
  own self = {.fails_at = UINT64_MAX};
  qcow2stream_disk_functions slow = own_functions;
  slow.read = slow_read;
  slow.run = NULL;
  qcow2stream_disk* disk = qcow2stream_disk_open_own(&slow, &self, "slow", DISK_SIZE, &error);
  CHECK(disk != NULL);
  const char* const said[] = {"threads", "1", "cluster-size", "4096", NULL};
  qcow2stream_options* options = options_of(said);
  int calls = 0;
  CHECK(qcow2stream_survey(disk, NULL, options, cancel, &calls, &error) == NULL);
  CHECK(failed_of(QCOW2STREAM_ERROR_CANCELLED) && calls == 1);
  qcow2stream_options_free(options);
  qcow2stream_disk_free(disk);
}

static void* fill_pipe(void* context) {
  const int to = *(const int*)context;
  const int from = open("disk.raw", O_RDONLY | O_CLOEXEC);
  char* bytes = memory(M);
  ssize_t count = 0;
  while ((count = read(from, bytes, M)) > 0) {
    for (ssize_t sent = 0; sent < count;) {
      const ssize_t n = write(to, bytes + sent, (size_t)(count - sent));
      if (n < 0) break;
      sent += n;
    }
  }
  free(bytes);
  close(from);
  close(to);
  return NULL;
}

static void test_stream(void) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, fill_pipe, &ends[1]) == 0);
  qcow2stream_disk* disk = qcow2stream_disk_open_descriptor(ends[0], "stream", NULL, &error);
  CHECK(disk != NULL && qcow2stream_disk_size(disk) == DISK_SIZE);
  CHECK(pthread_join(thread, NULL) == 0);
  close(ends[0]);
  qcow2stream_image* image = qcow2stream_survey(disk, NULL, NULL, NULL, NULL, &error);
  CHECK(image != NULL);
  qcow2stream_disk_free(disk);
  qcow2stream_image* same = image_of("disk.raw", NULL);
  CHECK(equal(image, same));
  qcow2stream_image_free(image);
  qcow2stream_image_free(same);
}

static void test_refusals(void) {
  CHECK(qcow2stream_disk_open("no such disk", NULL, &error) == NULL);
  CHECK(qcow2stream_error_errno(error) == ENOENT);
  CHECK(strcmp(qcow2stream_error_name(error), "no such disk") == 0);
  CHECK(strlen(qcow2stream_error_what_failed(error)) > 0);
  CHECK(strlen(qcow2stream_error_reason(error)) > 0);
  CHECK(failed_of(QCOW2STREAM_ERROR_FAILED));
  // What is an image is hardly meant to be a disk.
  CHECK(qcow2stream_disk_open("emitted.qcow2", NULL, &error) == NULL);
  uint64_t number = 1;
  CHECK(strcmp(qcow2stream_error_advice(error, &number), "input-format") == 0 && number == 0);
  CHECK(failed_of(QCOW2STREAM_ERROR_FAILED));
  CHECK(qcow2stream_disk_open_nbd("nbd+unix:///?socket=no-such-socket", NULL, &error) == NULL);
  CHECK(failed_of(QCOW2STREAM_ERROR_FAILED));
  const char* const nothing[] = {NULL};
  CHECK(qcow2stream_disk_open_program(nothing, NULL, &error) == NULL);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  const char* const backing[] = {"backing-file", "base.qcow2", NULL};
  qcow2stream_options* options = options_of(backing);
  qcow2stream_disk* disk = qcow2stream_disk_open("disk.raw", NULL, &error);
  CHECK(qcow2stream_survey(disk, NULL, options, NULL, NULL, &error) == NULL);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  qcow2stream_disk_free(disk);
  qcow2stream_options_free(options);
}

static void test_qcow2(void) {
  const char* const said[] = {"input-format", "qcow2", NULL};
  qcow2stream_options* options = options_of(said);
  qcow2stream_image* image = image_of("emitted.qcow2", options);
  qcow2stream_image* same = image_of("disk.raw", NULL);
  CHECK(equal(image, same));
  qcow2stream_image_free(image);
  qcow2stream_image_free(same);
  qcow2stream_options_free(options);
}

static void test_increment(void) {
  make_disk("new.raw");
  const int fd = open("new.raw", O_WRONLY | O_CLOEXEC);
  CHECK(pwrite(fd, "changed", 7, 30 * M) == 7);
  close(fd);
  const char* const said[] = {"backing-file", "emitted.qcow2", "backing-format", "qcow2", NULL};
  qcow2stream_options* options = options_of(said);
  qcow2stream_disk* base = qcow2stream_disk_open("disk.raw", NULL, &error);
  qcow2stream_disk* disk = qcow2stream_disk_open("new.raw", NULL, &error);
  qcow2stream_image* image = qcow2stream_survey(disk, base, options, NULL, NULL, &error);
  CHECK(image != NULL);
  uint64_t clusters = 0;
  CHECK(qcow2stream_image_measure(image, "data-clusters", &clusters, &error) == 0);
  CHECK(clusters == 1);
  const int out = create("increment.qcow2");
  CHECK(qcow2stream_emit(image, 0, UINT64_MAX, out, NULL, NULL, &error) == 0);
  close(out);
  qcow2stream_image_free(image);
  qcow2stream_disk_free(disk);
  qcow2stream_disk_free(base);
  qcow2stream_options_free(options);
}

static bool has_program(const char* test) {
  if (system(test) == 0) return true;
  printf("SKIP: not tried, since this fails: %s\n", test);
  return false;
}

// What is served by a process of its own, which goes with the disk. It is opened by a thread that
// ends at once.
static void* open_served(void* context) {
  (void)context;
  const char* const nbdkit[] = {"nbdkit", "--exit-with-parent", "file", "disk.raw", NULL};
  return qcow2stream_disk_open_program(nbdkit, NULL, &error);
}

static void test_program(void) {
  if (!has_program("nbdkit --version >/dev/null 2>&1")) return;
  pthread_t thread;
  void* disk = NULL;
  CHECK(pthread_create(&thread, NULL, open_served, NULL) == 0);
  CHECK(pthread_join(thread, &disk) == 0 && disk != NULL);
  qcow2stream_image* image = qcow2stream_survey(disk, NULL, NULL, NULL, NULL, &error);
  CHECK(image != NULL);
  qcow2stream_image* same = image_of("disk.raw", NULL);
  CHECK(equal(image, same));
  qcow2stream_image_free(image);
  qcow2stream_image_free(same);
  qcow2stream_disk_free(disk);
}

static void test_qemu(void) {
  if (!has_program("qemu-img convert -O vmdk disk.raw disk.vmdk")) return;
  const char* const said[] = {"input-format", "vmdk", NULL};
  qcow2stream_options* options = options_of(said);
  qcow2stream_image* image = image_of("disk.vmdk", options);
  qcow2stream_image* same = image_of("disk.raw", NULL);
  uint64_t size = 0;
  CHECK(qcow2stream_image_measure(image, "virtual-size", &size, &error) == 0 && size >= DISK_SIZE);
  // QEMU makes the disk of a vmdk larger, up to a whole grain.
  CHECK(size != DISK_SIZE || equal(image, same));
  qcow2stream_image_free(image);
  qcow2stream_image_free(same);
  qcow2stream_options_free(options);
}

// --- restoring ----------------------------------------------------------------------------------

static int add(qcow2stream_restore* restore, const char* path, bool is_last) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0);
  int calls = 0;
  const int result =
      qcow2stream_restore_add_stream(restore, fd, path, is_last, count_calls, &calls, &error);
  close(fd);
  return result;
}

static void test_restore(void) {
  qcow2stream_target* target = qcow2stream_target_open("restored.raw", NULL, &error);
  CHECK(target != NULL);
  qcow2stream_restore* restore = qcow2stream_restore_new(target, NULL, &error);
  CHECK(restore != NULL);
  uint64_t value = 0;
  CHECK(qcow2stream_restore_number(restore, "written", &value, &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(add(restore, "emitted.qcow2", false) == 0);
  CHECK(add(restore, "increment.qcow2", true) == 0);
  CHECK(access("restored.raw", F_OK) != 0);
  CHECK(qcow2stream_restore_finish(restore, &error) == 0);
  CHECK(access("restored.raw", F_OK) == 0);
  CHECK(qcow2stream_restore_number(restore, "disk-size", &value, &error) == 0);
  CHECK(value == DISK_SIZE);
  CHECK(qcow2stream_restore_number(restore, "written", &value, &error) == 0 && value > 0);
  CHECK(qcow2stream_restore_number(restore, "weight", &value, &error) == -1);
  CHECK(failed_of(QCOW2STREAM_ERROR_USAGE));
  CHECK(qcow2stream_restore_finish(restore, &error) == -1 && failed_of(QCOW2STREAM_ERROR_USAGE));
  qcow2stream_restore_free(restore);
  // It is not replaced by itself.
  CHECK(qcow2stream_target_open("restored.raw", NULL, &error) == NULL);
  CHECK(strcmp(qcow2stream_error_advice(error, NULL), "overwrite") == 0);
  CHECK(failed_of(QCOW2STREAM_ERROR_FAILED));
}

static void test_restore_of_a_disk(void) {
  const char* const said[] = {"overwrite", "true", NULL};
  qcow2stream_options* options = options_of(said);
  qcow2stream_target* target = qcow2stream_target_open("restored-too.raw", options, &error);
  CHECK(target != NULL);
  qcow2stream_restore* restore = qcow2stream_restore_new(target, options, &error);
  qcow2stream_disk* disk = qcow2stream_disk_open("disk.raw", NULL, &error);
  CHECK(qcow2stream_restore_add_disk(restore, disk, NULL, NULL, &error) == 0);
  CHECK(qcow2stream_restore_finish(restore, &error) == 0);
  qcow2stream_disk_free(disk);
  qcow2stream_restore_free(restore);
  qcow2stream_options_free(options);
}

static void test_restore_of_damage(void) {
  qcow2stream_target* target = qcow2stream_target_open("damaged.raw", NULL, &error);
  qcow2stream_restore* restore = qcow2stream_restore_new(target, NULL, &error);
  CHECK(add(restore, "disk.raw", true) == -1);
  CHECK(error != NULL);
  qcow2stream_error_free(error);
  error = NULL;
  // It has ended.
  CHECK(qcow2stream_restore_finish(restore, &error) == -1 && failed_of(QCOW2STREAM_ERROR_USAGE));
  qcow2stream_restore_free(restore);
  CHECK(access("damaged.raw", F_OK) != 0);
  // An increment without what it was made of.
  target = qcow2stream_target_open("alone.raw", NULL, &error);
  restore = qcow2stream_restore_new(target, NULL, &error);
  CHECK(add(restore, "increment.qcow2", true) == -1);
  CHECK(strcmp(qcow2stream_error_advice(error, NULL), "apply") == 0);
  CHECK(failed_of(QCOW2STREAM_ERROR_MISMATCH));
  qcow2stream_restore_free(restore);
}

int main(void) {
  make_disk("disk.raw");
  test_options();
  test_nothing_is_given();
  test_image_of_a_file();
  test_closed_pipe();
  test_plan();
  test_changed_disk();
  test_many_threads(NULL);
  test_many_threads("zstd");
  test_own_disk();
  test_own_disk_fails();
  test_cancelled();
  test_stream();
  test_refusals();
  test_qcow2();
  test_increment();
  test_program();
  test_qemu();
  test_restore();
  test_restore_of_a_disk();
  test_restore_of_damage();
  CHECK(error == NULL);
  return 0;
}
