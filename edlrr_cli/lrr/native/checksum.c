/* The checksum of all C files when they were compiled; see library.py. */

#include <stdint.h>

uint32_t edlrr_checksum(void)
{
    return CHECKSUM;
}
