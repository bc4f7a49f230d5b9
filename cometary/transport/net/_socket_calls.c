/*
 * Reading and writing a socket that does not block, as `recv` and `send` of socket.socket do, but that they let go of
 * the interpreter's lock and take it again, which takes as long as all the rest: see socket_calls.py.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <sys/socket.h>

enum { LONGEST = 16384 };            /* bytes of one read; it is on the stack */

static PyObject *socket_type;        /* socket.socket; a subclass (TLS) has its own way */
static PyObject *fileno_name;        /* made once: to make it for each call takes longer than the call */
static PyCFunction fileno_function;  /* what socket.socket has by that name: it has no need to be looked for each time */

/* The descriptor, which is -1 once the socket is closed; -2 with an exception set. */
static int descriptor(PyObject *sock)
{
    PyObject *number = fileno_function ? fileno_function(sock, NULL) : PyObject_CallMethodNoArgs(sock, fileno_name);
    if (number == NULL)
        return -2;
    long fd = PyLong_AsLong(number);
    Py_DECREF(number);
    return fd == -1 && PyErr_Occurred() ? -2 : (int)fd;
}

/* Whether a call that was interrupted is to be made again; if not, an exception is set. */
static int again(void)
{
    if (errno == EINTR)
        return PyErr_CheckSignals() == 0;
    PyErr_SetFromErrno(PyExc_OSError);
    return 0;
}

static PyObject *receive(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    char data[LONGEST];
    (void)module;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "receive(sock, most)");
        return NULL;
    }
    Py_ssize_t most = PyLong_AsSsize_t(args[1]);
    if (most == -1 && PyErr_Occurred())
        return NULL;
    if ((PyObject *)Py_TYPE(args[0]) != socket_type)
        return PyObject_CallMethod(args[0], "recv", "n", most);
    if (most < 1 || most > LONGEST) {
        PyErr_Format(PyExc_ValueError, "one read takes 1 to %d bytes", (int)LONGEST);
        return NULL;
    }
    int fd = descriptor(args[0]);
    if (fd == -2)
        return NULL;
    ssize_t got;
    while ((got = recv(fd, data, most, 0)) < 0)
        if (!again())
            return NULL;
    return PyBytes_FromStringAndSize(data, got);
}

static PyObject *transmit(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "send(sock, data)");
        return NULL;
    }
    if ((PyObject *)Py_TYPE(args[0]) != socket_type)
        return PyObject_CallMethod(args[0], "send", "O", args[1]);
    int fd = descriptor(args[0]);
    if (fd == -2)
        return NULL;
    Py_buffer data;
    if (PyObject_GetBuffer(args[1], &data, PyBUF_SIMPLE) < 0)
        return NULL;
    ssize_t sent;
    while ((sent = send(fd, data.buf, data.len, 0)) < 0 && again())
        ;
    PyBuffer_Release(&data);
    return sent < 0 ? NULL : PyLong_FromSsize_t(sent);
}

static PyMethodDef functions[] = {
    { "receive", (PyCFunction)(void (*)(void))receive, METH_FASTCALL, NULL },
    { "send", (PyCFunction)(void (*)(void))transmit, METH_FASTCALL, NULL },
    { NULL, NULL, 0, NULL },
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_socket_calls", NULL, -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__socket_calls(void)
{
    PyObject *module = PyImport_ImportModule("socket");
    if (module == NULL)
        return NULL;
    socket_type = PyObject_GetAttrString(module, "socket");
    Py_DECREF(module);
    fileno_name = PyUnicode_InternFromString("fileno");
    if (socket_type == NULL || fileno_name == NULL)
        return NULL;
    PyObject *method = PyObject_GetAttr(socket_type, fileno_name);
    if (method == NULL)
        return NULL;
    if (Py_IS_TYPE(method, &PyMethodDescr_Type)) {  /* as in CPython; the type keeps it */
        PyMethodDef *called = ((PyMethodDescrObject *)method)->d_method;
        if (called->ml_flags == METH_NOARGS)
            fileno_function = called->ml_meth;
    }
    Py_DECREF(method);
    return PyModule_Create(&definition);
}
