/*
 * {{ name }}: an image classifier in C99, made by litecnn-export {{ version }}.
 *
 * Model:  {{ kind }}, {{ parameters }} parameters
 * Source: {{ dataset or "unnamed data" }}{% if step %}, step {{ step }}{% endif %}
{% if recipe %}

 *         recipe {{ recipe }}
{% else %}

{% endif %}
 * Image:  {{ height }} x {{ width }} pixels of {{ channels }} value{{ "s" if channels != 1 }}, [height][width][channel], rows from the top
 * Flash:  {{ weight_bytes }} bytes of weights and {{ names }} of class names, and {{ code }} of code and tables
 * RAM:    {{ scratch_bytes }} bytes of scratch memory ({{ NAME }}_SCRATCH_BYTES) and about 300 of stack frames
 *
 * Nothing is allocated and no library is needed. Scratch memory lies on the stack, so calls may run at the same
 * time; compile with {{ NAME }}_STATIC_SCRATCH defined to have it in static memory instead, for one call at a time.
 */
#ifndef {{ NAME }}_H
#define {{ NAME }}_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define {{ NAME }}_HEIGHT {{ height }}
#define {{ NAME }}_WIDTH {{ width }}
#define {{ NAME }}_CHANNELS {{ channels }}
#define {{ NAME }}_IMAGE_VALUES {{ image_values }} /* height x width x channels */
#define {{ NAME }}_CLASSES {{ classes }}
#define {{ NAME }}_SCRATCH_BYTES {{ scratch_bytes }}

/* Class names in UTF-8, by class. */
extern const char *const {{ name }}_class_names[{{ NAME }}_CLASSES];

/* One number a class, the largest for the most likely one; `image` holds pixels as bytes, 0 to 255. */
void {{ name }}_logits(const uint8_t image[{{ NAME }}_IMAGE_VALUES], float logits[{{ NAME }}_CLASSES]);

/* The same of pixels from 0 to 1. */
void {{ name }}_logits_f32(const float image[{{ NAME }}_IMAGE_VALUES], float logits[{{ NAME }}_CLASSES]);

/* The most likely class, 0 to {{ classes - 1 }}; the first of equal ones. */
size_t {{ name }}_predict(const uint8_t image[{{ NAME }}_IMAGE_VALUES]);

/* The same of pixels from 0 to 1. */
size_t {{ name }}_predict_f32(const float image[{{ NAME }}_IMAGE_VALUES]);

#ifdef {{ NAME }}_PROBABILITIES
/* Probabilities (softmax) of logits; both may be the same array. The one function that needs <math.h> (expf), so it
 * is there only if {{ NAME }}_PROBABILITIES is defined, for this header and for {{ name }}.c. */
void {{ name }}_probabilities(const float logits[{{ NAME }}_CLASSES], float probabilities[{{ NAME }}_CLASSES]);
#endif

#ifdef __cplusplus
}
#endif

#endif
