/*
 * Taking the mask off what a client has sent on a WebSocket (RFC 6455, section 5.3): see unmasking.py.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

enum { MASK = 4 };

/* unmask(frame, start, end): the bytes from start to end, without the mask that is right before them. */
static PyObject *unmask(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "unmask(frame, start, end)");
        return NULL;
    }
    Py_ssize_t start = PyLong_AsSsize_t(args[1]);
    if (start == -1 && PyErr_Occurred())
        return NULL;
    Py_ssize_t end = PyLong_AsSsize_t(args[2]);
    if (end == -1 && PyErr_Occurred())
        return NULL;
    Py_buffer frame;
    if (PyObject_GetBuffer(args[0], &frame, PyBUF_SIMPLE) < 0)
        return NULL;
    PyObject *result = NULL;
    if (start < MASK || end < start || end > frame.len) {
        PyErr_SetString(PyExc_ValueError, "there are no such bytes behind a mask");
        goto done;
    }
    Py_ssize_t size = end - start, at = 0;
    result = PyBytes_FromStringAndSize(NULL, size);
    if (result == NULL)
        goto done;
    const char *masked = (const char *)frame.buf + start, *mask = masked - MASK;
    char *plain = PyBytes_AS_STRING(result);
    uint64_t twice, word;
    memcpy(&twice, mask, MASK);
    memcpy((char *)&twice + MASK, mask, MASK);
    for (; at + (Py_ssize_t)sizeof word <= size; at += sizeof word) {
        memcpy(&word, masked + at, sizeof word);
        word ^= twice;
        memcpy(plain + at, &word, sizeof word);
    }
    for (; at < size; at++)
        plain[at] = masked[at] ^ mask[at % MASK];
done:
    PyBuffer_Release(&frame);
    return result;
}

static PyMethodDef functions[] = {
    { "unmask", (PyCFunction)(void (*)(void))unmask, METH_FASTCALL, NULL },
    { NULL, NULL, 0, NULL },
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_unmask", NULL, -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__unmask(void)
{
    return PyModule_Create(&definition);
}
