/* Reads images as bytes from standard input until it ends. Writes four lines for each: logits by bytes, logits by
 * floats, both predictions, and probabilities; floats as the bits they are made of. */
#include <stdio.h>
#include <string.h>

#include "model.h"

static void write_floats(const float values[MODEL_CLASSES])
{
    for (size_t i = 0; i < MODEL_CLASSES; ++i) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        printf("%08lx ", (unsigned long)bits);
    }
    printf("\n");
}

int main(void)
{
    static uint8_t image[MODEL_IMAGE_VALUES];
    static float values[MODEL_IMAGE_VALUES];
    float logits[MODEL_CLASSES];
    for (size_t i = 0; i < MODEL_CLASSES; ++i)
        printf("%s%c", model_class_names[i], i + 1 < MODEL_CLASSES ? '\t' : '\n');
    while (fread(image, 1, sizeof image, stdin) == sizeof image) {
        for (size_t i = 0; i < MODEL_IMAGE_VALUES; ++i)
            values[i] = (float)image[i] / 255.0F;
        model_logits(image, logits);
        write_floats(logits);
        model_logits_f32(values, logits);
        write_floats(logits);
        printf("%lu %lu\n", (unsigned long)model_predict(image), (unsigned long)model_predict_f32(values));
#ifdef MODEL_PROBABILITIES
        model_probabilities(logits, logits);
#endif
        write_floats(logits);
    }
    return 0;
}
