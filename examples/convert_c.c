// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the command does, in C: convert_c DISK > IMAGE

#include <stdio.h>
#include <unistd.h>

#include "qcow2stream/c.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fputs("usage: convert_c DISK > IMAGE\n", stderr);
    return 2;
  }
  qcow2stream_error* error = NULL;
  qcow2stream_image* image = NULL;
  qcow2stream_disk* disk = qcow2stream_disk_open(argv[1], NULL, &error);
  if (disk != NULL) image = qcow2stream_survey(disk, NULL, NULL, NULL, NULL, &error);
  if (image != NULL) {
    // From here on the image's size and every offset in it are fixed.
    fprintf(stderr, "%llu bytes\n", (unsigned long long)qcow2stream_image_size(image));
    qcow2stream_emit(image, 0, UINT64_MAX, STDOUT_FILENO, NULL, NULL, &error);
  }
  if (error != NULL) fprintf(stderr, "convert_c: %s\n", qcow2stream_error_message(error));
  const int status = error != NULL ? 1 : 0;
  qcow2stream_error_free(error);
  qcow2stream_image_free(image);
  qcow2stream_disk_free(disk);
  return status;
}
